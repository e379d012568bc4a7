// Stand-ins for headers that are not on this machine, so that the rest of a unit can be read. They are made from what the
// compiler misses: an empty header for each that it does not find, a structure for each type that it does not know, a value for
// each constant. In C a function needs none.
//
//   StandIns stand_ins(false);
//   do errors = parse(unit, stand_ins.arguments()); while (stand_ins.learn(errors, read_files));
//
// What they declare is a guess: removals by macros and inline functions of a missing header are not seen, nor are additions.
//
// Thread-safety: one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "system/temporary_directory.hpp"

namespace leakline::audit {

struct CompilerError {
    std::string message;  // "unknown type name 'json_t'"
    std::string file;     // as the compiler names it; empty: of no place
    std::uint32_t line = 0;
    std::string word, next;  // the word at its place in the source, and what stands behind it up to the end of the line
    bool first = false;      // nothing stands before the word in its line
    bool directive = false;  // the line is one of the preprocessor
};

class StandIns {
  public:
    explicit StandIns(bool cpp) : cpp_(cpp) {}

    // files: what the unit is read from, of the code: a missing config.h gets the macros that they ask for. Returns whether
    // another try with arguments() may go better. Throws Error{system} where nothing can be written.
    bool learn(const std::vector<CompilerError>& errors, const std::vector<std::string>& files);
    std::vector<std::string> arguments() const;  // of the compiler, for the next try
    // What is missing, for people: the headers; without any, the names that the build should have given.
    std::vector<std::string> missing() const;
    // Whether a file is one of them.
    bool own(const std::string& file) const { return folder_ && file.starts_with(folder_->path()); }

  private:
    bool learn_header(const CompilerError& error);
    bool learn_name(const CompilerError& error);
    bool learn_scalar(const std::string& message);
    bool learn_undeclared(const CompilerError& error, const std::string& name);
    bool forget(const std::string& name);
    std::string declarations() const;

    bool cpp_;
    int tries_ = 0;
    std::optional<TemporaryDirectory> folder_;
    std::set<std::string> headers_, configs_;                    // missing; those of them that a build makes
    std::map<std::string, std::set<std::string>> types_, tags_;  // with their members; tags: "struct X"
    std::set<std::string> numbers_, pointers_;                   // types that are used as such
    std::set<std::string> constants_, texts_, functions_, attributes_, system_headers_, wrong_;
};

// What a config.h made by configure would define on this machine for the macros that a text asks for: HAVE_SYS_EPOLL_H where
// there is such a header, HAVE_MEMMEM where the C library has the function, SIZEOF_LONG.
std::string guessed_config(const std::vector<std::string>& texts);

}  // namespace leakline::audit
