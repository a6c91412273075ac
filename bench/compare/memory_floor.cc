// What memory itself costs: an array with the records one behind the other, and unordered_map.
#include <sys/mman.h>

#include <unordered_map>

#include "store.h"

namespace protobase::compare {
namespace {

/// Records of one size in one piece of memory; the handle is the index. Of large pages, as far as
/// the kernel has them: with pages of 4 KiB half of a get is finding the page, and a mapped file,
/// which the kernel keeps in larger pieces, was faster.
class ArrayStore final : public Store {
 public:
  ArrayStore() {
    void* const memory = mmap(nullptr, kRoom, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("array: no room");
    static_cast<void>(madvise(memory, kRoom, MADV_HUGEPAGE));
    bytes_ = static_cast<std::byte*>(memory);
  }
  ~ArrayStore() override { munmap(bytes_, kRoom); }
  ArrayStore(const ArrayStore&) = delete;
  ArrayStore& operator=(const ArrayStore&) = delete;

  Handle put(Record record) override {
    if (used_ + record.size() > kRoom) throw std::runtime_error("array: full");
    size_ = record.size();
    std::memcpy(bytes_ + used_, record.data(), size_);
    used_ += size_;
    return used_ / size_ - 1;
  }
  void commit() override {}
  std::unique_ptr<Reader> reader() override { return std::make_unique<ArrayReader>(*this); }

 private:
  class ArrayReader final : public Reader {
   public:
    explicit ArrayReader(const ArrayStore& store) : store_(store) {}
    Handle get(Handle handle) override {
      return touch({store_.bytes_ + handle * store_.size_, store_.size_});
    }

   private:
    const ArrayStore& store_;
  };

  static constexpr std::size_t kRoom = std::size_t{4} << 30;  // addresses; used as far as filled

  std::byte* bytes_ = nullptr;
  std::size_t used_ = 0;
  std::size_t size_ = 1;
};

class MapStore final : public Store {
 public:
  Handle put(Record record) override {
    records_.emplace(++last_, std::vector<std::byte>(record.begin(), record.end()));
    return last_;
  }
  void commit() override {}
  std::unique_ptr<Reader> reader() override { return std::make_unique<MapReader>(records_); }

 private:
  using Map = std::unordered_map<Handle, std::vector<std::byte>>;
  class MapReader final : public Reader {
   public:
    explicit MapReader(const Map& records) : records_(records) {}
    Handle get(Handle handle) override { return touch(records_.at(handle)); }

   private:
    const Map& records_;
  };

  Map records_;
  Handle last_ = 0;
};

}  // namespace

std::unique_ptr<Store> make_array() { return std::make_unique<ArrayStore>(); }
std::unique_ptr<Store> make_unordered_map() { return std::make_unique<MapStore>(); }

}  // namespace protobase::compare
