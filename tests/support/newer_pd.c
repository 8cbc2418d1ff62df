/* Play a patch in the Pd of a libpd, in real time, until its first output has sounded for a while.

   newer_pd LIBPYTHON LIBPD FOLDER PATCH CHANNELS RATE SOUNDING_SAMPLES OUTPUT PATH...

   LIBPYTHON comes first since the libpd of a Python package has symbols of Python. OUTPUT gets
   the channels as interleaved float32. Pd's console goes to stderr. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 64, LIMIT_S = 120 };

static void* library(const char* path, int flags) {
  void* opened = dlopen(path, flags | RTLD_GLOBAL);
  if (opened == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(2);
  }
  return opened;
}

static void* function(void* library, const char* name) {
  void* found = dlsym(library, name);
  if (found == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(2);
  }
  return found;
}

static void print(const char* text) { fputs(text, stderr); }

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + 1e-9 * now.tv_nsec;
}

static int sounds(const float* block, int channels) {
  for (int i = 0; i < BLOCK; i++)
    if (block[i * channels] != 0) return 1;
  return 0;
}

int main(int argc, char** argv) {
  int channels = atoi(argv[5]), rate = atoi(argv[6]), left = atoi(argv[7]);
  library(argv[1], RTLD_NOW);
  void* pd = library(argv[2], RTLD_LAZY);
  void (*set_print)(void (*)(const char*)) = function(pd, "libpd_set_printhook");
  int (*init)(void) = function(pd, "libpd_init");
  int (*init_audio)(int, int, int) = function(pd, "libpd_init_audio");
  void (*add_path)(const char*) = function(pd, "libpd_add_to_search_path");
  int (*start)(int) = function(pd, "libpd_start_message");
  void (*add_float)(float) = function(pd, "libpd_add_float");
  int (*finish)(const char*, const char*) = function(pd, "libpd_finish_message");
  void* (*open)(const char*, const char*) = function(pd, "libpd_openfile");
  int (*process)(int, const float*, float*) = function(pd, "libpd_process_float");
  FILE* output = fopen(argv[8], "wb");
  float* block = calloc(BLOCK * channels, sizeof(float));

  set_print(print);
  init();
  init_audio(0, channels, rate);
  for (int i = 9; i < argc; i++) add_path(argv[i]);
  start(1);
  add_float(1);
  finish("pd", "dsp");
  if (output == NULL || block == NULL || open(argv[4], argv[3]) == NULL) return 3;

  double began = now_s();
  for (long tick = 0; left > 0 && now_s() < began + LIMIT_S; tick++) {
    process(1, block, block);
    fwrite(block, sizeof(float), BLOCK * channels, output);
    if (sounds(block, channels)) left -= BLOCK;
    while (now_s() < began + (double)tick * BLOCK / rate) usleep(1000);
  }
  fclose(output);
  _exit(left > 0 ? 4 : 0); /* Pd's objects are not taken down: the end of the process does */
}
