// How `attend` shares a head of up to HEAD columns: TEAM invocations to a key, VECTORS
// vectors to each. Their sums of products are joined as OTHERS more of every STEP-th
// invocation; none where subgroups are enough.
#if HEAD == 32
#define VECTORS 1
#else
#define VECTORS 2
#endif
#if METHOD == subgroup
#define STEP 8
#if HEAD == 128
#define TEAM 16
#define OTHERS 1
#else
#if HEAD == 256
#define TEAM 32
#define OTHERS 3
#else
#define TEAM 8
#define OTHERS 0
#endif
#endif
#else
#define STEP 1
#if HEAD == 128
#define TEAM 16
#define OTHERS 15
#else
#if HEAD == 256
#define TEAM 32
#define OTHERS 31
#else
#define TEAM 8
#define OTHERS 7
#endif
#endif
#endif
