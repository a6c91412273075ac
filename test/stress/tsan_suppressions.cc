// What ThreadSanitizer must not report in the stress tests. An error that several threads share
// (one load for all, one commit for all) is destroyed by the last of them. Who that is decides a
// count inside the C++ library, which is compiled without ThreadSanitizer: it sees the destructor,
// but not the count that orders it after the others' reads.
#if defined(__SANITIZE_THREAD__)
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:protobase::ProtoBaseError::~ProtoBaseError\n"
         "race:std::runtime_error::~runtime_error\n";
}
#endif
