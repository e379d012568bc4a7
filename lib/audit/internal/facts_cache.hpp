// Facts of units that have not changed since they were read: kept in a folder, found by the content of all files that the
// unit was read from.
//
// Thread-safety: any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "audit/internal/clang_reader.hpp"

namespace leakline::audit {

class FactsCache {
  public:
    // folder: created where it is not there; empty, or one that cannot be written: nothing is kept.
    explicit FactsCache(std::string folder);
    ~FactsCache();  // removes what was not used for longest where the folder is larger than 256 MiB

    // key: all that decides about the facts beside the content of the files.
    std::optional<UnitFacts> find(const std::string& key);
    void keep(const std::string& key, const ReadUnit& unit);

  private:
    std::uint64_t hash_of(const std::string& file);

    std::string folder_;
    std::mutex mutex_;  // guards hashes_
    std::unordered_map<std::string, std::uint64_t> hashes_;
};

}  // namespace leakline::audit
