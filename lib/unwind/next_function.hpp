// Internal to the preloaded libraries: shared code.
#pragma once

#include <dlfcn.h>
#include <link.h>

#include <atomic>
#include <string_view>

#ifdef __clang__
#define LEAKLINE_TAIL_CALL [[clang::musttail]]
#else
#define LEAKLINE_TAIL_CALL
#endif

namespace leakline::unwind {

// The next definition of a function behind ours. It is looked up at the first call, not before: the tracker calls
// before any initializer of ours has run.
template <typename Function>
class Next {
  public:
    explicit constexpr Next(const char* name) : name_(name) {}
    Function get() {
        void* function = function_.load(std::memory_order_relaxed);
        if (function == nullptr) function_.store(function = ::dlsym(RTLD_NEXT, name_), std::memory_order_relaxed);
        return reinterpret_cast<Function>(function);
    }

  private:
    const char* name_;
    std::atomic<void*> function_{nullptr};
};

// The loader knows this library by the path in /proc that it came from, and the tracker puts that into its stream. Whoever
// names the stream's addresses later would open what is under that path by then, perhaps the pipe of another program; under a name that is
// no path there is nothing. To be called before the tracker lists its modules; name: static storage.
inline void take_name(char* name) {
    dl_find_object self;
    if (_dl_find_object(name, &self) == 0 && std::string_view(self.dlfo_link_map->l_name).starts_with("/proc/"))
        self.dlfo_link_map->l_name = name;
}

}  // namespace leakline::unwind
