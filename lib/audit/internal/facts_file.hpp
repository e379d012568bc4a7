// The file form of a unit's facts, for the cache: "LKAU", a version, the files that were read with the hashes of their
// content, the facts. Numbers are LEB128. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "audit/internal/facts.hpp"

namespace leakline::audit {

struct StoredFacts {
    std::vector<std::pair<std::string, std::uint64_t>> files;  // with the hash of the content
    UnitFacts facts;
};

std::string write_facts(const StoredFacts& stored);
// Nothing where bytes are not such a file, or one of another version, or damaged.
std::optional<StoredFacts> read_facts(std::string_view bytes);

// FNV-1a over 64 bits (Fowler, Noll, Vo), eight bytes at a time: for caches, not against an adversary.
std::uint64_t content_hash(std::string_view bytes);

}  // namespace leakline::audit
