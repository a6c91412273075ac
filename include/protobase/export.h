// Symbol visibility: the library is built hidden, what users may call is marked.
#pragma once

#if defined(__GNUC__)
#define PROTOBASE_EXPORT __attribute__((visibility("default")))
#else
#define PROTOBASE_EXPORT
#endif
