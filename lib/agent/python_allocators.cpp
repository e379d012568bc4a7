// The hooks before pymalloc, which serves small blocks from memory of its own.
#include "agent/internal/python_interpreter.hpp"
#include "agent/internal/python_objects.hpp"
#include "agent/internal/sampled_calls.hpp"

namespace leakline::agent::python {

namespace {

// PyMemAllocatorEx, and the domains of PyMemAllocatorDomain that pymalloc serves.
struct Allocator {
    void* context;
    void* (*malloc)(void*, std::size_t);
    void* (*calloc)(void*, std::size_t, std::size_t);
    void* (*realloc)(void*, void*, std::size_t);
    void (*free)(void*, void*);
};
enum Domain { kMemory = 1, kObjects = 2 };

Allocator real_allocators[3];
// Larger blocks come from malloc, which has hooks of its own.
constexpr std::size_t kLargestSmall = 512;

template <Domain D>
struct Hooks {
    static Allocator& real() { return real_allocators[D]; }
    LEAKLINE_SLOW static void* slow_malloc(void* context, std::size_t size) {
        return allocated(size, LEAKLINE_FRAME, [&] { return real().malloc(context, size); });
    }
    LEAKLINE_SLOW static void* slow_calloc(void* context, std::size_t number, std::size_t size) {
        return allocated(number * size, LEAKLINE_FRAME, [&] { return real().calloc(context, number, size); });
    }
    LEAKLINE_SLOW static void* slow_realloc(void* context, void* old, std::size_t size) {
        return reallocated(old, size, size <= kLargestSmall, LEAKLINE_FRAME, [&] { return real().realloc(context, old, size); });
    }
    LEAKLINE_SLOW static void slow_free(void* context, void* block) {
        SampledBlock was;
        forget(block, was);
        real().free(context, block);
    }
    static void* malloc(void* context, std::size_t size) {
        if (size <= kLargestSmall && is_due(size)) return slow_malloc(context, size);
        return real().malloc(context, size);
    }
    static void* calloc(void* context, std::size_t number, std::size_t size) {
        std::size_t bytes;
        if (!__builtin_mul_overflow(number, size, &bytes) && bytes <= kLargestSmall && is_due(bytes))
            return slow_calloc(context, number, size);
        return real().calloc(context, number, size);
    }
    static void* realloc(void* context, void* old, std::size_t size) {
        if (may_be_sample(old) || (size <= kLargestSmall && is_due(size))) return slow_realloc(context, old, size);
        return real().realloc(context, old, size);
    }
    static void free(void* context, void* block) {
        if (may_be_sample(block)) return slow_free(context, block);
        real().free(context, block);
    }
    // The contexts stay, so that a call which meets half of the change is right.
    static Allocator hooked() { return {real().context, &malloc, &calloc, &realloc, &free}; }
};

bool in_place;  // our hooks, perhaps behind those of another (tracemalloc)
void (*get_allocator)(int, Allocator*);
void (*set_allocator)(int, Allocator*);

}  // namespace

bool put_hooks() {
    if (!look_up(get_allocator, "PyMem_GetAllocator") || !look_up(set_allocator, "PyMem_SetAllocator")) return false;
    if (in_place) return true;
    get_allocator(kMemory, &real_allocators[kMemory]);
    get_allocator(kObjects, &real_allocators[kObjects]);
    Allocator memory = Hooks<kMemory>::hooked(), objects = Hooks<kObjects>::hooked();
    set_allocator(kMemory, &memory);
    set_allocator(kObjects, &objects);
    return in_place = true;
}

void take_hooks() {
    if (!in_place) return;
    Allocator memory, objects;
    get_allocator(kMemory, &memory);
    get_allocator(kObjects, &objects);
    if (memory.malloc != Hooks<kMemory>::hooked().malloc || objects.malloc != Hooks<kObjects>::hooked().malloc) return;
    set_allocator(kMemory, &real_allocators[kMemory]);
    set_allocator(kObjects, &real_allocators[kObjects]);
    in_place = false;
}

void forget_hooks() { in_place = false; }

}  // namespace leakline::agent::python
