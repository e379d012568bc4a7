// Writes a log in the native format, one MiB at a time.
//
// Thread-safety: one object, one thread.
#pragma once

#include <string>

#include "model/request_jsonl.hpp"
#include "system/output_file.hpp"

namespace leakline::replay {

class LogWriter {
  public:
    // file outlives this object, and is committed by whoever opened it.
    explicit LogWriter(OutputFile& file) : file_(file) {}

    // True where this one made the text long enough to be written. Throws Error{system} as writing does.
    bool add(const Request& request) {
        append_jsonl(text_, request);
        if (text_.size() < kPiece) return false;
        flush();
        return true;
    }
    void flush() {  // writes the rest
        file_.write(text_);
        text_.clear();
    }

  private:
    static constexpr std::size_t kPiece = std::size_t{1} << 20;
    OutputFile& file_;
    std::string text_;
};

}  // namespace leakline::replay
