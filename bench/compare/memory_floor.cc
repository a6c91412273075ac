// What memory itself costs: an array with the records one behind the other, and unordered_map.
#include <unordered_map>

#include "store.h"

namespace protobase::compare {
namespace {

/// Records of one size; the handle is the index.
class ArrayStore final : public Store {
 public:
  Handle put(Record record) override {
    size_ = record.size();
    bytes_.insert(bytes_.end(), record.begin(), record.end());
    return bytes_.size() / size_ - 1;
  }
  void commit() override {}
  std::unique_ptr<Reader> reader() override { return std::make_unique<ArrayReader>(*this); }

 private:
  class ArrayReader final : public Reader {
   public:
    explicit ArrayReader(const ArrayStore& store) : store_(store) {}
    Handle get(Handle handle) override {
      return touch({store_.bytes_.data() + handle * store_.size_, store_.size_});
    }

   private:
    const ArrayStore& store_;
  };

  std::vector<std::byte> bytes_;
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
