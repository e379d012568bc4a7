#include "process_option.hpp"
#include "choice.hpp"

#include <CLI/CLI.hpp>
#include <limits>

namespace leakline::cli {

CLI::Option* add_process_option(CLI::App& app, int& pid, const std::string& help) {
    return app.add_option("--pid", pid, help)->type_name("PID")->check(between(1, std::numeric_limits<int>::max()));
}
CLI::Option* add_process_option(CLI::App& app, std::vector<int>& pids, const std::string& help) {
    return app.add_option("--pid", pids, help)->type_name("PID");
}

}  // namespace leakline::cli
