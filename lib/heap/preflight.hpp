// What can be known before a program is started about whether it can be recorded. Reads the file, runs nothing.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"

namespace leakline::heap {

// A program that runs as well as any, but whose lines cannot be recorded: it can be judged by its memory all the same.
class NotRecordable : public Error {
  public:
    using Error::Error;
};

struct Preflight {
    std::string path;                   // of the program, as PATH leads to it
    std::vector<std::string> warnings;  // it can be recorded, but not as well as it might be
    std::string no_lines;               // why a recording would say nothing of its allocations; empty where it would
    bool wrapper = false;               // it starts another program (env, a shell, a shell script), which is the one to record
};

// arguments: the command line. Throws Error{input}: no such program, or one of another machine; NotRecordable: one that the
// tracker cannot get into (an interpreter's script, static, musl, setuid). Both say what to do instead.
Preflight check_program(const std::vector<std::string>& arguments);

}  // namespace leakline::heap
