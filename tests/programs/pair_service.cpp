// A service that leaks when a GET /report follows a POST /import, and not by either alone, and by a GET /search that comes
// with "X-Beta: on": for the tests of minimize. What a POST /session allocates a DELETE /session frees, so a log without
// the one shows a growth that is no leak.
// usage: pair_service PORT_FILE
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "http/server.hpp"
#include "system/output_file.hpp"

using leakline::http::Responder;
using leakline::http::Response;
using leakline::http::ServerRequest;

namespace {

struct State {
    bool imported = false;
    std::vector<std::unique_ptr<std::string>> sessions, reports, results;
};

void open_session(State& state) { state.sessions.push_back(std::make_unique<std::string>(300, 's')); }
void keep_report(State& state) { state.reports.push_back(std::make_unique<std::string>(700, 'r')); }
void keep_results(State& state) { state.results.push_back(std::make_unique<std::string>(900, 'b')); }

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    State state;  // used by the server's one thread alone
    leakline::http::Server server({}, [&](const ServerRequest& request, const Responder& responder) {
        const std::string what = std::string(request.method) + " " + std::string(request.path());
        if (what == "POST /session") open_session(state);
        if (what == "DELETE /session" && !state.sessions.empty()) state.sessions.pop_back();
        if (what == "POST /import") state.imported = true;
        if (what == "GET /report" && state.imported) {
            keep_report(state);
            state.imported = false;
        }
        if (what == "GET /search" && request.header("X-Beta") == "on") keep_results(state);
        responder.send(Response{});
    });
    server.start();
    leakline::OutputFile file(argv[1]);
    file.write(std::to_string(server.port()) + "\n");
    file.commit();
    int signal = 0;
    sigwait(&ends, &signal);
    server.stop(std::chrono::milliseconds(100));
    return 0;
}
