// Leaves memory behind at lines that say how much. A comment "leaks N x S" stands on the line that must be
// charged with exactly N blocks of S bytes each (terms are joined by " + "); every other line of this file
// must end at zero, but for those marked "not held".
//
// The calls stand on one line each, and none in tail position: an optimized tail call leaves no frame of its
// caller.
#include <stdlib.h>
#include <string.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

// Keeps the optimizer from proving that an allocation is not needed.
void* volatile sink;
template <class T>
T* keep(T* pointer) {
    sink = pointer;
    return pointer;
}

struct Node {
    Node* next;
    long value[2];
};
static_assert(sizeof(Node) == 24);

Node* list;

void append_node() {
    Node* node = new Node{list, {1, 2}};  // leaks 1000 x 24
    list = keep(node);
}

inline void inlined_leak(std::size_t size) {
    keep(malloc(size));  // leaks 100 x 40 + 50 x 72
    sink = nullptr;
}

template <class T>
void template_leak(std::size_t count) {
    keep(new T[count]);  // leaks 10 x 80 + 10 x 160
    sink = nullptr;
}

void recursive_leak(int depth) {
    if (depth == 0) return;
    keep(malloc(16));  // leaks 20 x 16
    recursive_leak(depth - 1);
    sink = nullptr;
}

void grow_by_realloc() {
    void* block = nullptr;
    for (std::size_t size = 100; size <= 1000; size += 100) {
        block = keep(realloc(block, size));  // leaks 1 x 1000
    }
    sink = nullptr;
}

void vector_that_doubles() {
    auto* elements = new std::vector<Node>;  // leaks 1 x 24
    for (int i = 0; i < 1000; ++i) {
        elements->push_back(Node{});  // leaks 1 x 24576
    }
    keep(elements);
}

void strings() {
    auto* names = new std::map<int, std::string>;  // leaks 1 x 48
    keep(names);
    for (int i = 0; i < 100; ++i) {
        std::string& name = (*names)[i];  // leaks 100 x 72
        name.reserve(99);                 // leaks 100 x 100
    }
}

void c_functions() {
    keep(calloc(30, 7));              // leaks 1 x 210
    keep(strdup("fifteen letters"));  // leaks 1 x 16
    void* aligned = nullptr;
    if (posix_memalign(&aligned, 64, 640) != 0) abort();  // leaks 1 x 640
    keep(aligned);
}

void released() {
    for (int i = 0; i < 500; ++i) {
        std::unique_ptr<Node> node(keep(new Node{}));
        std::vector<int> numbers(100, i);
        keep(numbers.data());
        free(keep(malloc(333)));
        delete[] keep(new char[64]);
    }
    sink = nullptr;
}

void in_a_lambda() {
    const auto leak = [](std::size_t size) {
        keep(malloc(size));  // leaks 7 x 11
        sink = nullptr;
    };
    for (int i = 0; i < 7; ++i) leak(11);
}

void in_threads() {
    const auto work = [] {
        for (int i = 0; i < 250; ++i) {
            keep(new char[128]);  // leaks 1000 x 128
        }
        sink = nullptr;
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back(work);  // not held: the C library caches the stacks of threads that ended
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

}  // namespace

int main() {
    for (int i = 0; i < 1000; ++i) append_node();
    for (int i = 0; i < 100; ++i) inlined_leak(40);
    for (int i = 0; i < 50; ++i) inlined_leak(72);
    for (int i = 0; i < 10; ++i) template_leak<double>(10);
    for (int i = 0; i < 10; ++i) template_leak<float>(40);
    recursive_leak(20);
    grow_by_realloc();
    vector_that_doubles();
    strings();
    c_functions();
    released();
    in_a_lambda();
    in_threads();
    return 0;
}
