// Which of the replay's connections carries which connection of the log: each of the log's is opened anew, once a round,
// so that the service sees as many of them as it saw when the log was recorded.
//
// A new one takes the place of the one that has been silent longest. Where the log had more open at a time than the replay
// has, that one may come back: it then goes on over the connection that took its place.
//
// The same log gives the same places. Constant time and, beyond kRemembered names, constant memory. Thread-safety: one
// thread at a time.
#pragma once

#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

namespace leakline::replay {

class RecordedConnections {
  public:
    static constexpr std::size_t kRemembered = 100'000;

    explicit RecordedConnections(int connections);

    struct Place {
        int connection = -1;
        bool opens = false;  // the log's connection begins here
    };
    // For a connection of the log, by a hash of its name.
    Place place(std::uint64_t name);
    // The log begins anew, and all of its connections with it.
    void begin_round() { places_.clear(); }

  private:
    std::list<int> order_;                            // of the replay's connections, the one used last at the end
    std::vector<std::list<int>::iterator> position_;  // of each in order_
    std::unordered_map<std::uint64_t, int> places_;
};

}  // namespace leakline::replay
