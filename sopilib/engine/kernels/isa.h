// Compiles all functions that follow for an instruction set, until END_ISA.
//
// Only what stands in an unnamed namespace may follow, and no standard header: a
// function that the linker might share with the rest of the program must not use
// instructions that this processor may lack.
#pragma once

#define ISA_PRAGMA(text) _Pragma(#text)

#if defined(__clang__)
#define BEGIN_ISA(features) \
  ISA_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define END_ISA ISA_PRAGMA(clang attribute pop)
#else
#define BEGIN_ISA(features) ISA_PRAGMA(GCC push_options) ISA_PRAGMA(GCC target(features))
#define END_ISA ISA_PRAGMA(GCC pop_options)
#endif

// The table of the functions that this file has compiled.
#define KERNELS(name) \
  {name, multiply<Dot>, touch, quantize, add_rows, gru, lstm, rectify, draw, bits}
