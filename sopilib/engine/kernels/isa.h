// Compiles the functions from here to END_ISA for one instruction set.
//
// Only code in an unnamed namespace may follow, and no standard header: a function that
// the linker might share with the rest of the program must not use instructions that the
// processor may lack.
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

// The table of the functions compiled in this file.
#define KERNELS(name) \
  {name, multiply<Dot>, touch, quantize, add_rows, gru, lstm, add, relu, draw, bits}
