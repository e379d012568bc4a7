// How an outcome becomes an exit code: --leak-exit-code and --inconclusive, the same for every command that judges.
#pragma once

#include <string>

#include "cli11_names.hpp"
#include "exit_code.hpp"
#include "output.hpp"
#include "report/report.hpp"

namespace leakline::cli {

class ExitPolicy {
  public:
    // Declares the two options; must outlive the parsing of the command line.
    explicit ExitPolicy(CLI::App& app);

    using Inconclusive = report::RenderOptions::Inconclusive;
    Inconclusive when_inconclusive() const { return inconclusive_; }

    int leak() const { return leak_; }
    // 3, or 0 where that is asked for; with `warn` the reason goes to standard error.
    int inconclusive(Output& output, const std::string& reason) const;

  private:
    int leak_ = kLeak;
    Inconclusive inconclusive_ = Inconclusive::fail;
};

}  // namespace leakline::cli
