/* Enough of <stdio.h> for llama.cpp's public headers. */
#ifndef POCKETUNE_STAND_IN_STDIO_H
#define POCKETUNE_STAND_IN_STDIO_H

#include <stddef.h>

typedef struct stand_in_file FILE;

#endif
