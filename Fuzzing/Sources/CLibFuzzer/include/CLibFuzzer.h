// Holds libFuzzer's entry point as its documentation declares it; does not hold libFuzzer, which the compiler links.
#ifndef SOCKEYE_CLIBFUZZER_H
#define SOCKEYE_CLIBFUZZER_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));

#endif
