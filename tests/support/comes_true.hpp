// Waits for what happens in another process.
#pragma once

#include <chrono>
#include <thread>

namespace leakline::test {

// Within 20 s.
template <class Condition>
bool comes_true(Condition condition) {
    for (int i = 0; i < 2000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

}  // namespace leakline::test
