// A program whose memory is held in a known way: its first argument says how, its second how many elements there are. Prints "ready N": by N bytes
// malloc's use has grown by what is held; then it waits.
#include <malloc.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <forward_list>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace app {

struct Event {
    std::string user;
    std::vector<std::string> texts;
};

struct Registry {
    std::set<std::string> names;
    int generation = 0;
    std::vector<int> numbers;
    static Registry& instance() {
        static Registry registry;
        return registry;
    }
};

struct Store {
    virtual ~Store() = default;
    int version = 1;
};
struct ListStore : Store {
    std::list<std::string> items;
};
struct Session {
    std::unique_ptr<Store> store;
    std::shared_ptr<Registry> registry;
};

struct Link {
    Link* next;
    char data[100];
};
struct TreeNode {
    TreeNode *left, *right;
    long depth;
};
struct Limits {
    std::size_t low, high;
};
struct Entry {
    Entry* next;
    char* key;
};
struct Owning {
    std::unique_ptr<Owning> next;
    std::array<char, 64> data;
};
struct Peer {
    std::shared_ptr<Peer> other;
    std::vector<int> numbers;
};
struct Shape {
    static inline std::multimap<int, std::string> all;
};

std::list<Event> event_list;
std::vector<std::unique_ptr<Event>> owned;
namespace {
std::map<std::string, Event> by_name;
}
std::unordered_map<int, std::string> by_id;
std::unordered_set<std::string> seen;
std::deque<Event> queue;
std::forward_list<std::string> forward;
std::vector<std::vector<int>> matrix;
std::vector<std::string*> index_of_list;
std::optional<std::list<std::string>> maybe;
std::array<std::unordered_map<int, std::string>, 8> shards;
std::string text;
std::array<std::string, 3> replaced;
std::vector<Event> several;
struct Both {
    Link *left, *right;
};
Both* both;
thread_local std::vector<std::string> per_thread;
std::function<void()> callback;
Link* chain;
Link* ring;
TreeNode* tree;
Limits limits;
std::vector<Limits> all_limits;
double* measured;
Entry** table;
std::unique_ptr<Owning> owning;
Session* session;
char* large;

Event make_event(int i) {
    Event event;
    event.user = "user with a long name " + std::to_string(i);
    for (int k = 0; k < 3; ++k) event.texts.push_back("a text that is too long for the string itself " + std::to_string(k));
    return event;
}
std::string make_text(int i) { return std::string(60, 'x') + std::to_string(i); }

void insert(TreeNode*& at, unsigned value, int depth) {
    if (at == nullptr)
        at = new TreeNode{nullptr, nullptr, depth};
    else
        insert(value >> depth & 1 ? at->left : at->right, value, depth + 1);
}

}  // namespace app

using namespace app;

namespace {

void fill(std::string_view how, int n) {
    const auto repeat = [n](const auto& each) {
        for (int i = 0; i < n; ++i) each(i);
    };
    if (how == "list") repeat([](int i) { event_list.push_back(make_event(i)); });
    if (how == "vector") repeat([](int i) { owned.push_back(std::make_unique<Event>(make_event(i))); });
    if (how == "map") repeat([](int i) { by_name[make_text(i)] = make_event(i); });
    if (how == "unordered_map") repeat([](int i) { by_id[i] = make_text(i); });
    if (how == "unordered_set") repeat([](int i) { seen.insert(make_text(i)); });
    if (how == "deque") repeat([](int i) { queue.push_back(make_event(i)); });
    if (how == "forward_list") repeat([](int i) { forward.push_front(make_text(i)); });
    if (how == "matrix") repeat([](int) { matrix.emplace_back(100); });
    if (how == "optional") {
        maybe.emplace();
        repeat([](int i) { maybe->push_back(make_text(i)); });
    }
    if (how == "shards") repeat([](int i) { shards[static_cast<std::size_t>(i) % 8][i] = make_text(i); });
    if (how == "string") text.assign(static_cast<std::size_t>(n) * 100, 'x');
    if (how == "replaced") {  // with free memory that was in pieces before
        for (std::size_t size = 20'000; size < 60'000; size += 5'000) {
            std::vector<std::unique_ptr<char[]>> pieces;
            for (int i = 0; i < 64; ++i) pieces.push_back(std::make_unique<char[]>(size));
        }
        for (std::size_t i = 0; i < 20; ++i) replaced[i % replaced.size()] = std::string(static_cast<std::size_t>(n) * 100, 'x');
    }
    if (how == "singleton") repeat([](int i) { Registry::instance().names.insert(make_text(i)); });
    if (how == "static_member") repeat([](int i) { Shape::all.emplace(i % 10, make_text(i)); });
    if (how == "thread_local") repeat([](int i) { per_thread.push_back(make_text(i)); });
    if (how == "derived") {
        session = new Session;
        auto store = std::make_unique<ListStore>();
        repeat([&](int i) { store->items.push_back(make_text(i)); });
        session->store = std::move(store);
    }
    if (how == "shared") {
        session = new Session;
        session->registry = std::make_shared<Registry>();
        repeat([](int i) { session->registry->names.insert(make_text(i)); });
    }
    if (how == "lambda") {
        std::vector<std::string> kept;
        repeat([&](int i) { kept.push_back(make_text(i)); });
        callback = [kept] { std::puts(kept.front().c_str()); };
    }
    if (how == "chain") repeat([](int) { chain = new Link{chain, {}}; });
    if (how == "one_of_several") {
        several.resize(8);
        repeat([](int i) { several[3].texts.push_back(make_text(i)); });
    }
    if (how == "diamond") {  // its two sides lead to the same list
        Link* list = nullptr;
        for (int i = 0; i < n - 2; ++i) list = new Link{list, {}};
        both = new Both{new Link{list, {}}, new Link{list, {}}};
    }
    if (how == "ring") {
        ring = new Link{nullptr, {}};
        ring->next = ring;
        for (int i = 1; i < n; ++i) ring->next = new Link{ring->next, {}};
    }
    if (how == "tree") repeat([](int i) { insert(tree, static_cast<unsigned>(i) * 2654435761u, 0); });
    if (how == "numbers") {  // that are addresses of its heap by chance, if it is below 2^32
        repeat([](int i) { insert(tree, static_cast<unsigned>(i) * 2654435761u, 0); });
        const auto number = reinterpret_cast<std::size_t>(tree);
        limits = {number, number};
        all_limits.assign(10, limits);
        measured = static_cast<double*>(std::malloc(10 * sizeof(double)));
        for (int i = 0; i < 10; ++i) std::memcpy(measured + i, &number, sizeof number);
    }
    if (how == "table") {
        table = static_cast<Entry**>(std::calloc(1024, sizeof(Entry*)));
        repeat([](int i) {
            auto* entry = static_cast<Entry*>(std::malloc(sizeof(Entry)));
            entry->key = static_cast<char*>(std::malloc(100));
            entry->next = table[i % 1024];
            table[i % 1024] = entry;
        });
    }
    if (how == "owning") repeat([](int) { owning = std::make_unique<Owning>(Owning{std::move(owning), {}}); });
    if (how == "large")
        std::memset(large = static_cast<char*>(std::malloc(static_cast<std::size_t>(n) * 1000)), 1, static_cast<std::size_t>(n) * 1000);
    if (how == "lost") repeat([](int) { *static_cast<volatile char*>(std::malloc(90)) = 1; });
    if (how == "cycle")
        repeat([](int) {
            const auto one = std::make_shared<Peer>(), two = std::make_shared<Peer>();
            one->numbers.resize(20);
            one->other = two;
            two->other = one;
        });
    if (how == "counted_cycle")
        repeat([](int) {
            const std::shared_ptr<Peer> one(new Peer);
            one->other = one;
        });
    if (how == "indexed") {  // both lead to the strings; the pointers come first in memory or not
        owned.push_back(std::make_unique<Event>());
        repeat([](int i) { owned.front()->texts.push_back(make_text(i)); });
    }
}

[[gnu::noinline]] void report(std::size_t before) {
    // What is freed has to be so in the arena's own figures, too.
    std::printf("ready %zu\n", ::mallinfo2().uordblks + ::mallinfo2().hblkhd - before);
    std::fflush(stdout);
}

[[gnu::noinline]] int wait_with(std::vector<std::string>& kept) {
    for (volatile bool go_on = true; go_on;) ::pause();
    return static_cast<int>(kept.size());
}

std::size_t used() { return ::mallinfo2().uordblks + ::mallinfo2().hblkhd; }

}  // namespace

int main(int argc, char** argv) {
    const std::string how = argc > 1 ? argv[1] : "";
    const int n = argc > 2 ? std::atoi(argv[2]) : 1000;
    std::setvbuf(stdout, nullptr, _IOLBF, 1024);
    std::printf("started\n");
    const std::size_t before = used();
    std::vector<std::string> kept;
    if (how == "local")
        for (int i = 0; i < n; ++i) kept.push_back(make_text(i));
    if (how == "thread") {
        std::thread([n, before] {
            std::vector<std::string> in_thread;
            for (int i = 0; i < n; ++i) in_thread.push_back(make_text(i));
            report(before);
            wait_with(in_thread);
        }).join();
    }
    if (how == "stale")
        std::thread([n] {
            std::vector<std::string> in_thread;
            for (int i = 0; i < n; ++i) in_thread.push_back(make_text(i));
            new std::vector<std::string>(std::move(in_thread));  // lost; its address stays on the stack of the thread
        }).join();
    fill(how, n);
    report(before);
    return wait_with(kept);
}
