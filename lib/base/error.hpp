// What the program throws when it cannot go on, and where it counts damage that it can live with.
//
// Thread-safety: Error is a value. Diagnostics may be used by one thread at a time.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace leakline {

// Decides the exit code: usage and input end with 2, system with 4 (see apps/leakline).
enum class ErrorKind {
    usage,   // the command line asks for something that does not exist or contradicts itself
    input,   // a file or an answer from outside cannot be used
    system,  // the machine or the target refused: the measurement is invalid
};

// "Cannot go on": where, what, and what to do. Texts are lower case without a full stop.
class Error : public std::exception {
  public:
    // location is a file, a file:line, an address or a program; hint may be empty.
    Error(ErrorKind kind, std::string location, std::string message, std::string hint = {});

    ErrorKind kind() const { return kind_; }
    const std::string& location() const { return location_; }
    const std::string& message() const { return message_; }
    const std::string& hint() const { return hint_; }

    // "location: message\n  hint: hint", the form that a user sees.
    const char* what() const noexcept override { return text_.c_str(); }

  private:
    ErrorKind kind_;
    std::string location_, message_, hint_, text_;
};

// The text of an errno value, as in "no such file or directory" (lower case, no errno number).
std::string os_reason(int error_number);

// Error{system or input} for a failed system call: message + ": " + os_reason(error_number).
Error os_error(ErrorKind kind, std::string location, std::string_view message, int error_number, std::string hint = {});

// Tolerated damage: every occurrence is counted, the first ten are kept with their places.
class Diagnostics {
  public:
    struct Entry {
        std::string location, message;
    };
    static constexpr std::size_t kKept = 10;

    void add(std::string location, std::string message);
    void merge(const Diagnostics& other);
    // Occurrences that were counted elsewhere and whose places are not known.
    void add_uncounted(std::uint64_t count) { count_ += count; }
    std::uint64_t count() const { return count_; }
    bool empty() const { return count_ == 0; }
    const std::vector<Entry>& first() const { return first_; }
    // One line an entry, "location: message", then "and N more" where some were not kept.
    std::vector<std::string> lines() const;

  private:
    std::uint64_t count_ = 0;
    std::vector<Entry> first_;
};

}  // namespace leakline
