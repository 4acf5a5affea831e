/* C before C23 has bool in this header. */
#define bool _Bool
#define true 1
#define false 0
