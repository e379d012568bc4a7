// Assigns the log's connections to connections of the replay. Each is opened anew once per round,
// so that the service sees as many of them as it saw when the log was recorded.
//
// A new one replaces the one that has been unused for longest. If the log had more open at a time than the replay
// has, that one may be used again: it then continues on the connection that replaced it.
//
// The same log gives the same assignment. Constant time and, beyond kRemembered names, constant memory. Thread-safety: one
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
    // The log is repeated: all of its connections are opened anew.
    void begin_round() { places_.clear(); }

  private:
    std::list<int> order_;                            // of the replay's connections, the one used last at the end
    std::vector<std::list<int>::iterator> position_;  // of each in order_
    std::unordered_map<std::uint64_t, int> places_;
};

}  // namespace leakline::replay
