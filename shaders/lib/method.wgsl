// How invocations share the work. `thread`: each has a row (or an output, or a
// head) of its own and there is no barrier, for software drivers; `tree` and
// `subgroup`: a workgroup shares one and joins its partial results.
#if METHOD == thread
#define WIDTH 8
#else
#define WIDTH 64
#endif
