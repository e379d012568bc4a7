// How many connections the target handles at a time. A service with a thread or a worker for each connection, and fewer of them than
// there are connections, does not answer the others until some are closed.
//
// Thread-safety: none.
#pragma once

#include <cstdint>
#include <optional>

#include "base/quantities.hpp"
#include "http/client_pool.hpp"

namespace leakline::replay {

class ServedConnections {
  public:
    explicit ServedConnections(int connections) : usable_(connections) {}

    // At least 1: the first of the pool's.
    int usable() const { return usable_; }

    void note(const http::ClientPool::Done& result);

    // All of the round is sent, and some connections wait for a response while others are idle: whether the idle ones are to be closed
    // now. True once per round.
    bool closes_idle(Nanoseconds now);

    // Before a round, with no request under way: leaves out as many connections as had to wait. True if there are any.
    bool leave_out();

  private:
    int usable_, waiting_ = 0;
    std::uint64_t answers_ = 0;  // of the round, as the following
    Nanoseconds last_answer_{};
    std::optional<Nanoseconds> closed_;
};

}  // namespace leakline::replay
