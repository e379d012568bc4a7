// The distinct stacks of a segment, and the modules that their addresses belong to. One thread at a time (the agent's lock). Does not
// allocate or wait for the loader.
//
// What an address refers to depends on the module that was loaded there at the time. Each unloading of code begins a new epoch; a
// module has the range of epochs in which it was loaded, and is extended when it is seen again. So a stack whose modules stay
// loaded is stored once, however often plugins are loaded and unloaded.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/internal/populated.hpp"
#include "agent/internal/segment_view.hpp"

namespace leakline::agent {

struct LoadedCode {
    std::uint64_t begin = 0, end = 0, base = 0;
    std::string_view name;  // valid while the code is loaded
};
// The module at an address; begin 0 if there is none.
using FindCode = LoadedCode (*)(std::uint64_t address);

class StackTable {
  public:
    // Starts with stack 0 only.
    void begin(const SegmentView& segment, FindCode find_code, bool all_there);

    // The stack's index; 0 if it is new and there is no room for it.
    std::uint32_t find(const std::uint64_t* frames, std::uint32_t depth);
    // Call after code was unloaded.
    void code_unloaded() { segment_.header->epoch.store(epoch() + 1, std::memory_order_relaxed); }

    // No more memory is requested after this (Populated::last_request).
    void last_request(std::size_t bytes) {
        for (Populated* table : {&stacks_, &frames_, &modules_, &names_}) table->last_request(bytes);
    }
    // Adds text to the names, terminated by 0. Without room: 0, which is the empty text.
    std::uint32_t put_name(std::string_view text);
    // The same, or the place of the text where an earlier call has put it.
    std::uint32_t find_name(std::string_view text);
    // Takes over the names of the segment of the process that forked this one, at the same places. False if there is no room.
    bool copy_names(const SegmentView& parents);

  private:
    std::uint32_t epoch() const { return segment_.header->epoch.load(std::memory_order_relaxed); }
    // Adds the modules of all frames to this epoch. False if some module was loaded after the epoch `since`.
    bool know_code(const std::uint64_t* frames, std::uint32_t depth, std::uint32_t since);
    Module* know_module(std::uint64_t address);

    SegmentView segment_;
    FindCode find_code_ = nullptr;
    Populated stacks_, frames_, modules_, names_;
    Module* last_module_ = nullptr;
    // Places of names that find_name has put, by hash; 0: none. One that is lost to another is put again.
    static constexpr std::uint32_t kFoundNames = 8192;
    std::uint32_t found_names_[kFoundNames] = {};
};

}  // namespace leakline::agent
