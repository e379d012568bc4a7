// What a command must not overwrite.
#pragma once

#include <filesystem>
#include <string>

#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::test {

// A log, also under the names of a symbolic and of a hard link.
struct LinkedLog {
    TemporaryDirectory folder;
    std::string log = folder.path() + "/log.json", symbolic = folder.path() + "/symbolic.json", hard = folder.path() + "/hard.json";
    std::string text = R"({"ts_ns":1,"method":"GET","url":"/","headers":{}})"
                       "\n";

    LinkedLog() {
        OutputFile file(log);
        file.write(text);
        file.commit();
        std::filesystem::create_symlink("log.json", symbolic);
        std::filesystem::create_hard_link(log, hard);
    }
};

}  // namespace leakline::test
