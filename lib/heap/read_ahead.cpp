#include "heap/internal/read_ahead.hpp"

#include <array>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace leakline::heap {

namespace {

// | margin | room for the line that the chunk before left unfinished | decoded bytes | margin |
// Pages of that room which no line needs are never touched, so they take no memory.
struct Chunk {
    static constexpr std::size_t kRoom = ReadAhead::kMargin + ReadAhead::kLongestLine;

    std::unique_ptr<char[]> bytes;  // none until it is filled: a short source needs one chunk, a single thread too
    std::size_t filled = 0;         // 0: the end of the source

    char* data() { return bytes.get() + kRoom; }
    void allocate() {
        if (bytes != nullptr) return;
        bytes.reset(new char[kRoom + ReadAhead::kChunk + ReadAhead::kMargin]);
        std::memset(data() - ReadAhead::kMargin, 0, ReadAhead::kMargin);
    }
};

}  // namespace

struct ReadAhead::State {
    ByteSource& source;
    const bool threaded;
    std::array<Chunk, 4> chunks;

    // Chunks are a ring: [taken, decoded) are full. mutex guards taken, decoded, stopping and failure.
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t taken = 0, decoded = 0;
    bool stopping = false;
    std::exception_ptr failure;
    std::thread decoder;

    // Of the reading side.
    bool holding = false, at_end = false, inside_overlong = false;
    std::string_view tail;
    std::uint64_t skipped = 0;

    State(ByteSource& from, bool with_thread) : source(from), threaded(with_thread) {
        if (threaded) decoder = std::thread([this] { decode(); });
    }
    ~State() {
        if (!threaded) return;
        {
            const std::lock_guard lock(mutex);
            stopping = true;
        }
        changed.notify_all();
        decoder.join();
    }

    void fill(Chunk& chunk) {
        chunk.allocate();
        chunk.filled = 0;
        while (chunk.filled < kChunk) {
            const std::size_t count = source.read({chunk.data() + chunk.filled, kChunk - chunk.filled});
            if (count == 0) break;
            chunk.filled += count;
        }
        std::memset(chunk.data() + chunk.filled, 0, kMargin);
    }

    void decode() {
        for (bool more = true; more;) {
            Chunk* chunk = nullptr;
            {
                std::unique_lock lock(mutex);
                changed.wait(lock, [this] { return stopping || decoded - taken < chunks.size(); });
                if (stopping) return;
                chunk = &chunks[decoded % chunks.size()];
            }
            std::exception_ptr error;
            try {
                fill(*chunk);
            } catch (...) {
                error = std::current_exception();  // the reading side throws it
            }
            more = error == nullptr && chunk->filled != 0;
            {
                const std::lock_guard lock(mutex);
                failure = error;
                ++decoded;
            }
            changed.notify_all();
        }
    }

    Chunk& take() {
        Chunk& chunk = chunks[threaded ? taken % chunks.size() : 0];
        if (!threaded) {
            fill(chunk);
        } else {
            std::unique_lock lock(mutex);
            changed.wait(lock, [this] { return decoded > taken; });
            if (failure != nullptr) std::rethrow_exception(failure);
        }
        return chunk;
    }
    void give_back() {
        if (threaded) {
            const std::lock_guard lock(mutex);
            ++taken;
        } else {
            ++taken;
        }
        changed.notify_all();
    }
};

ReadAhead::ReadAhead(ByteSource& source, Threads threads) : state_(std::make_unique<State>(source, threads == Threads::two)) {}
ReadAhead::~ReadAhead() = default;

std::string_view ReadAhead::next() {
    State& state = *state_;
    while (!state.at_end) {
        std::string carried;  // the unfinished line: it moves in front of the next chunk
        if (state.holding) {
            carried = state.tail;
            state.give_back();
            state.holding = false;
        }
        Chunk& chunk = state.take();
        state.holding = true;
        char* begin = chunk.data() - carried.size();
        std::memcpy(begin, carried.data(), carried.size());
        char* const end = chunk.data() + chunk.filled;
        state.tail = {begin, static_cast<std::size_t>(end - begin)};
        if (chunk.filled == 0) {
            state.at_end = true;
            return {};
        }
        const auto* last = static_cast<const char*>(::memrchr(chunk.data(), '\n', chunk.filled));
        if (last == nullptr) {
            if (state.tail.size() > kLongestLine) {
                state.skipped += state.tail.size();
                state.tail = {};
                state.inside_overlong = true;
            }
            continue;
        }
        state.tail = {last + 1, static_cast<std::size_t>(end - last - 1)};
        const char* first = begin;
        if (std::exchange(state.inside_overlong, false)) {
            first = static_cast<const char*>(std::memchr(begin, '\n', static_cast<std::size_t>(end - begin))) + 1;
            state.skipped += static_cast<std::size_t>(first - begin);
            if (first > last) continue;
        }
        return {first, static_cast<std::size_t>(last + 1 - first)};
    }
    return {};
}

std::string_view ReadAhead::rest() const { return state_->tail; }
std::uint64_t ReadAhead::skipped() const { return state_->skipped; }

}  // namespace leakline::heap
