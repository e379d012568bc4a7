// Checks before a program is started whether it can be recorded. Reads its file, runs nothing.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"

namespace leakline::heap {

// A program that runs normally, but whose lines cannot be recorded: it can still be judged by its memory.
class NotRecordable : public Error {
  public:
    using Error::Error;
};

struct Preflight {
    std::string path;                           // path of the program, found by PATH
    std::vector<std::string> warnings;          // it can be recorded, but with limitations
    std::string no_lines;                       // why a recording would not contain its allocations; empty if it would
    bool wrapper = false;                       // it starts another program (env, a shell, a shell script), which is the one to record
    std::vector<std::string> tracker_warnings;  // more of them, for trackers other than leakline's agent
    bool agent_has_lines = false;               // no_lines is for trackers other than leakline's agent
    bool python = false;                        // CPython, or a script of it
};

// arguments: the command line. Throws Error{input}: no such program, or one of another machine; NotRecordable: one that the
// tracker cannot get into (a script of another interpreter than Python, static, musl, setuid). Both say what to do instead.
Preflight check_program(const std::vector<std::string>& arguments);

}  // namespace leakline::heap
