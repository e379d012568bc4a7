// The calls of tools: each runs `leakline COMMAND` as a process of its own, so that a call can be canceled at any time, and one that
// fails takes nothing with it. Calls that measure run one after the other.
//
// Thread-safety: one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "command_line.hpp"
#include "mcp/session.hpp"
#include "mcp_tools.hpp"
#include "system/stop.hpp"

namespace leakline::cli {

class ToolCalls : public mcp::Tools {
  public:
    struct Results {
        std::function<void(std::uint64_t call, const mcp::ToolResult&)> finished;
        std::function<void(std::uint64_t call, std::string_view text)> progress;
    };

    ToolCalls();
    ~ToolCalls() override;  // ends what runs

    void report_to(Results results) { results_ = std::move(results); }

    std::string list() const override { return tools_; }
    bool start(std::uint64_t call, const std::string& tool, const nlohmann::json& arguments) override;
    void cancel(std::uint64_t call) override;

    // Waits until input can be read, a call has something to say, or stop is requested, and takes what calls say. input: -1 for none.
    // True: input can be read.
    bool wait(int input, const StopDescriptor& stop);
    // Cancels all calls, and waits until they have ended.
    void cancel_all();

  private:
    struct Waiting {
        std::uint64_t call;
        const ToolRow* tool;
        std::vector<std::string> words;
    };
    struct Running;

    void begin(const Waiting& next);
    void begin_next();
    void look_after(Running& call);
    void finish(Running& call);

    CommandLine line_;
    const std::string tools_;
    Results results_;
    std::list<std::unique_ptr<Running>> running_;
    std::deque<Waiting> waiting_;
};

}  // namespace leakline::cli
