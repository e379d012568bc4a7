#include "audit/internal/facts_cache.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "audit/internal/facts_file.hpp"
#include "base/error.hpp"
#include "system/byte_source.hpp"
#include "system/output_file.hpp"

namespace leakline::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t kMaxBytes = std::uintmax_t{256} << 20;

std::string file_of(const std::string& folder, const std::string& key) {
    return fmt::format("{}/{:016x}.facts", folder, content_hash(key));
}

}  // namespace

FactsCache::FactsCache(std::string folder) : folder_(std::move(folder)) {
    std::error_code error;
    if (!folder_.empty()) fs::create_directories(folder_, error);
    if (error) folder_.clear();
}

FactsCache::~FactsCache() {
    if (folder_.empty()) return;
    struct Entry {
        fs::path path;
        fs::file_time_type used;
        std::uintmax_t size = 0;
    };
    std::vector<Entry> entries;
    std::uintmax_t total = 0;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_, error)) {
        std::error_code ignored;
        if (entry.path().extension() != ".facts") continue;
        entries.push_back({entry.path(), entry.last_write_time(ignored), entry.file_size(ignored)});
        total += entries.back().size;
    }
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.used < b.used; });
    for (const Entry& entry : entries) {
        if (total <= kMaxBytes) break;
        fs::remove(entry.path, error);
        total -= entry.size;
    }
}

std::uint64_t FactsCache::hash_of(const std::string& file) {
    {
        const std::lock_guard lock(mutex_);
        if (const auto known = hashes_.find(file); known != hashes_.end()) return known->second;
    }
    std::uint64_t hash = 0;
    try {
        hash = content_hash(read_file(file));
    } catch (const Error&) {
        // gone: its hash is that of no file
    }
    const std::lock_guard lock(mutex_);
    hashes_.emplace(file, hash);
    return hash;
}

std::optional<UnitFacts> FactsCache::find(const std::string& key) {
    if (folder_.empty()) return std::nullopt;
    const std::string path = file_of(folder_, key);
    std::error_code error;
    if (!fs::exists(path, error)) return std::nullopt;
    std::optional<StoredFacts> stored;
    try {
        stored = read_facts(read_file(path));
    } catch (const Error&) {
        return std::nullopt;
    }
    if (!stored) return std::nullopt;
    for (const auto& [file, hash] : stored->files)
        if (hash_of(file) != hash) return std::nullopt;
    fs::last_write_time(path, fs::file_time_type::clock::now(), error);
    return std::move(stored->facts);
}

void FactsCache::keep(const std::string& key, const ReadUnit& unit) {
    // A unit with errors is read again: what was missing may be there the next time.
    if (folder_.empty() || !unit.facts.errors.empty() || !unit.facts.missing.empty()) return;
    StoredFacts stored;
    for (const std::string& file : unit.files) stored.files.emplace_back(file, hash_of(file));
    stored.facts = unit.facts;
    try {
        OutputFile file(file_of(folder_, key));
        file.write(write_facts(stored));
        file.commit();
    } catch (const Error&) {
        // a full disk costs time, not findings
    }
}

}  // namespace leakline::audit
