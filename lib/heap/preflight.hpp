// What can be known before a program is started about whether it can be recorded. Reads the file, runs nothing.
#pragma once

#include <string>
#include <vector>

namespace leakline::heap {

struct Preflight {
    std::string path;                   // of the program, as PATH leads to it
    std::vector<std::string> warnings;  // it can be recorded, but not as well as it might be
};

// arguments: the command line. Throws Error{input}: no such program, or one that the tracker cannot get into (a script,
// a wrapper such as env, static, musl, setuid, of another machine), with what to do instead.
Preflight check_program(const std::vector<std::string>& arguments);

}  // namespace leakline::heap
