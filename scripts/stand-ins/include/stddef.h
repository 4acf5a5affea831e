/* The compiler knows the target's types. */
#ifndef POCKETUNE_STAND_IN_STDDEF_H
#define POCKETUNE_STAND_IN_STDDEF_H

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;

#define NULL ((void *) 0)

#endif
