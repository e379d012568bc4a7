// JSON documents that are not one per line: an array of objects (gcloud logging read --format=json), objects printed over several
// lines (jq), and an answer of an API with the objects in one of its members (aws logs filter-log-events, Elasticsearch).
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/json_scan.hpp"
#include "system/byte_source.hpp"
#include "system/chunk_buffer.hpp"

namespace leakline::replay {

// Whether the first line is the beginning of an array or object that goes on in the next line, or an array.
bool begins_json_over_lines(std::string_view prefix);

// Where the objects are: 1 in an array, 2 in an array that is a member, and so on; 0 at the top, each over several lines;
// nothing if the text that begins with prefix is none of these.
std::optional<int> depth_of_json_documents(std::string_view prefix);

// Each object as one line; what is around them is left out.
class JsonDocuments : public ByteSource {
  public:
    JsonDocuments(ChunkBuffer text, int depth) : text_(std::move(text)), depth_(depth) {}
    std::size_t read(std::span<char> buffer) override;
    StreamEnd end() const override { return text_.source().end(); }
    std::string_view encoding() const override { return text_.source().encoding(); }
    std::uint64_t consumed() const override { return text_.source().consumed(); }
    std::optional<std::uint64_t> total() const override { return text_.source().total(); }

  private:
    void take(char c);

    ChunkBuffer text_;
    const int depth_;
    JsonNesting nesting_;
    bool inside_ = false;
    std::string ready_;
    std::size_t taken_ = 0;
};

}  // namespace leakline::replay
