// The built trackd, started on a free port and ended with the object.
#pragma once

#include <doctest/doctest.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "support/raw_connection.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/clock.hpp"
#include "system/proc_file.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::test {

class Trackd {
  public:
    // program: what stands before the options, where it is not trackd itself. prepare: changes the command before it starts.
    explicit Trackd(const TemporaryDirectory& directory, std::vector<std::string> arguments = {},
                    std::vector<std::string> program = {LEAKLINE_BIN_DIR "/trackd"}, const std::function<void(Command&)>& prepare = {})
        : directory_(directory) {
        Command command;
        const std::string port_file = directory.path() + "/port";
        std::remove(port_file.c_str());
        command.arguments = std::move(program);
        for (const std::string& argument : {std::string("--listen"), std::string("127.0.0.1:0"), std::string("--port-file"), port_file})
            command.arguments.push_back(argument);
        command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
        command.output_file = directory.path() + "/output";
        if (prepare) prepare(command);
        child_ = std::make_unique<Child>(Child::start(command));
        const Nanoseconds deadline = system_clock().monotonic() + std::chrono::seconds(60);
        while (!read_small_file(port_file)) {
            REQUIRE(child_->running());
            REQUIRE(system_clock().monotonic() < deadline);
            system_clock().sleep_until(system_clock().monotonic() + std::chrono::milliseconds(5));
        }
        port_ = static_cast<std::uint16_t>(std::stoi(read_file(port_file)));
    }
    std::uint16_t port() const { return port_; }
    Child& child() { return *child_; }
    std::string output() const { return read_file(directory_.path() + "/output"); }
    std::string ask(const std::string& request) const {
        RawConnection connection(port_);
        connection.send(request);
        return connection.response();
    }

  private:
    const TemporaryDirectory& directory_;
    std::unique_ptr<Child> child_;
    std::uint16_t port_ = 0;
};

}  // namespace leakline::test
