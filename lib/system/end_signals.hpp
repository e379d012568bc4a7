// The signals that end us (SIGINT, SIGTERM, SIGHUP) as a std::stop_token. For main() alone: what runs in lib/ is ended by the
// token that it is given, and knows of no signal (held by the test `layers`).
#pragma once

#include <stop_token>
#include <thread>

namespace leakline {

// Installs the handlers; at first each signal ends the process at once, and what it has started with it: while options are
// read there is nothing to stop for. SIGHUP is left alone where it is ignored (nohup), and SIGPIPE is ignored: a closed pipe is
// an error of a write, with a place and a reason.
//
// Thread-safety: one object in the process, of the main thread; token() and received() from any.
class EndSignals {
  public:
    EndSignals();
    ~EndSignals();  // ends its thread; later signals end the process at once
    EndSignals(const EndSignals&) = delete;
    EndSignals& operator=(const EndSignals&) = delete;

    // From now on the first signal only requests the stop, so that the work writes what it has. A second one, 250 ms after the
    // first or later, ends the process at once. Starts a thread: no callback of a token may run in a signal's handler.
    void request_stop_first();

    std::stop_token token() const { return stop_.get_token(); }
    // The signal that arrived first, or 0. Set before the stop is requested.
    int received() const;

  private:
    std::stop_source stop_;
    int pipe_[2] = {-1, -1};  // from the handler to the thread
    std::thread thread_;
};

}  // namespace leakline
