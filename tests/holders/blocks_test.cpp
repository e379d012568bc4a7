// Blocks of malloc, and what leads to them, in copies of this test's own children and in memory that was made up.
#include "holders/internal/blocks.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include "holders/internal/allocators.hpp"
#include "holders/internal/graph.hpp"
#include "holders/internal/memory_image.hpp"
#include "holders/known_program.hpp"

using namespace leakline;
using namespace leakline::holders;
using namespace leakline::test;

namespace {

// Addresses that a child fills in: memory that the fork shares.
struct Shared {
    std::uint64_t used[4096], freed[4096];
    std::size_t used_count, freed_count;
    std::atomic<bool> ready;
};

// A child that has run `work` and waits.
class Fork {
  public:
    explicit Fork(const std::function<void(Shared&)>& work)
        : shared_(static_cast<Shared*>(::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
        pid_ = ::fork();
        if (pid_ == 0) {
            work(*shared_);
            shared_->ready = true;
            for (;;) ::pause();
        }
        while (!shared_->ready) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ~Fork() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        ::munmap(shared_, sizeof(Shared));
    }
    Fork(const Fork&) = delete;
    Fork& operator=(const Fork&) = delete;
    int pid() const { return pid_; }
    const Shared& shared() const { return *shared_; }

  private:
    Shared* shared_;
    pid_t pid_ = -1;
};

void check_blocks(const Fork& fork) {
    const MemoryImage image = copy_process(fork.pid(), {});
    HeapBlocks heap = find_blocks(image);
    REQUIRE(heap.allocator == HeapBlocks::Allocator::glibc);
    CHECK(heap.warnings.empty());
    CHECK(heap.unreadable.empty());
    std::set<std::uint64_t> addresses;
    for (const Block& block : heap.blocks) addresses.insert(block.address);
    for (std::size_t i = 0; i < fork.shared().used_count; ++i) CHECK(addresses.count(fork.shared().used[i]) == 1);
    for (std::size_t i = 0; i < fork.shared().freed_count; ++i) CHECK(addresses.count(fork.shared().freed[i]) == 0);
    const BlockIndex index(std::move(heap.blocks));
    for (std::size_t i = 0; i < fork.shared().used_count; ++i) {
        const BlockId id = index.find(fork.shared().used[i] + 5);
        REQUIRE(id != kNoBlock);
        CHECK(index[id].address == fork.shared().used[i]);
        CHECK(index.find(index[id].end() - 1) == id);
    }
}

void allocate(Shared& shared, std::size_t count, std::size_t size) {
    std::vector<void*> blocks(count);
    for (void*& block : blocks) block = std::malloc(size);
    for (std::size_t i = 0; i < count; ++i)
        if (i % 2 == 0) {
            shared.used[shared.used_count++] = reinterpret_cast<std::uint64_t>(blocks[i]);
        } else {
            shared.freed[shared.freed_count++] = reinterpret_cast<std::uint64_t>(blocks[i]);
            std::free(blocks[i]);
        }
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kOtherMalloc = true;
#else
constexpr bool kOtherMalloc = false;
#endif

}  // namespace

TEST_CASE("blocks in use are found and freed ones are not: thread cache, fast bins, other bins, own mappings" *
          doctest::skip(kOtherMalloc)) {
    for (const std::size_t size : {24u, 100u, 500u, 2000u, 40'000u, 300'000u}) {
        INFO(size);
        check_blocks(Fork([size](Shared& shared) { allocate(shared, size > 100'000 ? 20 : 200, size); }));
    }
}

TEST_CASE("blocks of the arena of a thread are found, across several of its heaps" * doctest::skip(kOtherMalloc)) {
    check_blocks(Fork([](Shared& shared) {
        std::thread([&] {
            allocate(shared, 300, 100);
            allocate(shared, 1500, 100'000);  // more than the 64 MiB of one heap
        }).join();
    }));
}

TEST_CASE("aligned blocks are found, small ones and those with a mapping" * doctest::skip(kOtherMalloc)) {
    check_blocks(Fork([](Shared& shared) {
        for (const std::size_t alignment : {64u, 256u, 4096u})
            for (const std::size_t size : {100u, 10'000u, 1'000'000u}) {
                void* block = nullptr;
                if (::posix_memalign(&block, alignment, size) == 0)
                    shared.used[shared.used_count++] = reinterpret_cast<std::uint64_t>(block);
            }
    }));
}

TEST_CASE("behind a damaged chunk blocks are found again" * doctest::skip(kOtherMalloc)) {
    const Fork fork([](Shared& shared) {
        std::vector<char*> blocks;
        for (int i = 0; i < 400; ++i) blocks.push_back(static_cast<char*>(std::malloc(200)));
        std::memset(blocks[100] + 200, 0xff, 40);  // over its end
        for (int i = 120; i < 400; ++i)
            shared.used[shared.used_count++] = reinterpret_cast<std::uint64_t>(blocks[static_cast<std::size_t>(i)]);
    });
    const MemoryImage image = copy_process(fork.pid(), {});
    const HeapBlocks heap = find_blocks(image);
    CHECK_FALSE(heap.unreadable.empty());
    std::set<std::uint64_t> addresses;
    for (const Block& block : heap.blocks) addresses.insert(block.address);
    for (std::size_t i = 0; i < fork.shared().used_count; ++i) CHECK(addresses.count(fork.shared().used[i]) == 1);
}

TEST_CASE("of each allocator the blocks in use are found with their sizes, and none that is free, on one thread and on several") {
    struct Case {
        const char* library;
        HeapBlocks::Allocator allocator;
    };
    for (const Case& each :
         {Case{"", HeapBlocks::Allocator::glibc}, Case{"libjemalloc.so.2", HeapBlocks::Allocator::jemalloc},
          Case{"libtcmalloc_minimal.so.4", HeapBlocks::Allocator::tcmalloc}, Case{"libmimalloc.so.2", HeapBlocks::Allocator::mimalloc}}) {
        const std::string preload = library(each.library);
        if (preload.empty() && *each.library != 0) {
            MESSAGE("skipped: no " << each.library << " is installed");
            continue;
        }
        for (const char* threads : {"1", "4"}) {
            INFO(preload << ", threads: " << threads);
            const Program program(std::vector<std::string>{"allocator_blocks", threads}, preload);
            const HeapBlocks heap = find_blocks(copy_process(program.pid(), {}));
            CHECK((heap.allocator == each.allocator));
            CHECK(heap.warnings.empty());
            CHECK(heap.unreadable.empty());
            std::map<std::uint64_t, std::uint64_t> sizes;
            for (const Block& block : heap.blocks) sizes[block.address] = block.size;
            std::size_t used = 0, wrong = 0, freed = 0, kept = 0;
            std::istringstream lines(program.output());
            while (lines) {
                std::string what;
                std::uint64_t address = 0, size = 0;
                lines >> what >> address;
                if (what == "used") {
                    lines >> size;
                    ++used;
                    if (sizes[address] != size) ++wrong;
                } else if (what == "freed") {
                    ++freed;
                    if (sizes.count(address) > 0) ++kept;
                }
            }
            CHECK(used > 5000);
            CHECK(freed > 1000);
            CHECK(wrong == 0);
            CHECK(kept == 0);
            CHECK(heap.blocks.size() - used < 100);  // of the program's start, and of threads
        }
    }
}

namespace {

void put_word(MemoryImage& image, std::uint64_t address, std::uint64_t value) {
    auto& region = image.regions[static_cast<std::size_t>(image.region_at(address) - image.regions.data())];
    std::memcpy(region.bytes.data() + (address - region.mapping.begin), &value, sizeof value);
}

}  // namespace

TEST_CASE("tables of tcmalloc with a ring of free blocks, or with leaves that overlap, are refused" *
          doctest::skip(library("libtcmalloc_minimal.so.4").empty())) {
    const Program program(std::vector<std::string>{"allocator_blocks", "1"}, library("libtcmalloc_minimal.so.4"));
    MemoryImage image = copy_process(program.pid(), {});
    const auto put = [&](std::uint64_t address, std::uint64_t value) { put_word(image, address, value); };
    const HeapBlocks right = find_tcmalloc_blocks(image);
    REQUIRE(right.blocks.size() > 5000);
    REQUIRE(right.own.size() >= 3);  // central lists, the root, leaves
    const std::uint64_t root = right.own[1].begin, leaf = right.own[2].begin;
    REQUIRE(image.word(root) == 0);
    put(root, leaf + 8);
    CHECK(find_tcmalloc_blocks(image).blocks.empty());
    put(root, 0);

    const auto block = std::find_if(right.blocks.begin(), right.blocks.end(), [](const Block& each) { return each.size == 8; });
    REQUIRE(block != right.blocks.end());
    const std::uint64_t list = right.own[0].begin + 1216;  // of class 1: blocks of 8 bytes
    put(block->address, block->address);
    put(list + 128, block->address);
    put(list + 1152, image.word(list + 1152).value_or(0) >> 32 << 32 | 1);
    CHECK(find_tcmalloc_blocks(image).blocks.empty());
}

TEST_CASE("tables of mimalloc with a ring of free blocks are refused" * doctest::skip(library("libmimalloc.so.2").empty())) {
    const Program program(std::vector<std::string>{"allocator_blocks", "1"}, library("libmimalloc.so.2"));
    MemoryImage image = copy_process(program.pid(), {});
    const HeapBlocks right = find_mimalloc_blocks(image);
    REQUIRE(right.blocks.size() > 5000);
    REQUIRE_FALSE(right.own.empty());
    put_word(image, right.own[0].end - 8, right.blocks[0].address);  // the list of what other threads have freed
    put_word(image, right.blocks[0].address, right.blocks[0].address);
    CHECK(find_mimalloc_blocks(image).blocks.empty());
}

TEST_CASE("an index finds the block around any address, and none between blocks") {
    std::vector<Block> blocks;
    for (std::uint64_t i = 0; i < 1000; ++i) blocks.push_back({0x10000 + i * 64, 40});
    blocks.push_back({0x900000000, 1 << 20});
    const BlockIndex index(blocks);
    for (BlockId id = 0; id < blocks.size(); ++id) {
        CHECK(index.find(blocks[id].address) == id);
        CHECK(index.find(blocks[id].end() - 1) == id);
        CHECK(index.find(blocks[id].end()) == kNoBlock);
    }
    for (const std::uint64_t address : {std::uint64_t{0}, std::uint64_t{0xffff}, std::uint64_t{0x800000000}, ~std::uint64_t{0}})
        CHECK(index.find(address) == kNoBlock);
    CHECK(BlockIndex().find(0x10000) == kNoBlock);
}

namespace {

// Memory of ten blocks of 64 bytes at 0x1000 and so on.
struct Made {
    static constexpr std::uint64_t kStart = 0x1000;
    MemoryImage image;
    std::vector<Block> blocks;
    Made() {
        Mapping mapping;
        mapping.begin = kStart;
        mapping.end = kStart + 4096;
        image.regions.push_back({mapping, Pages(4096), {{mapping.begin, mapping.end}}});
        for (std::uint64_t i = 0; i < 10; ++i) blocks.push_back({kStart + i * 64, 56});
    }
    void point(std::size_t from, std::size_t word, std::size_t to) {
        const std::uint64_t target = blocks[to].address;
        std::memcpy(image.regions[0].bytes.data() + from * 64 + word * 8, &target, sizeof target);
    }
};

Root root_to(std::vector<BlockId> blocks) {
    Root root;
    for (const BlockId block : blocks) root.words.push_back({0, block});
    return root;
}

}  // namespace

TEST_CASE("a block belongs to the first root that reaches it, and what two of one phase reach is shared") {
    Made made;
    made.point(0, 0, 1);
    made.point(1, 0, 2);
    made.point(2, 0, 1);  // a ring
    made.point(3, 0, 2);
    made.point(4, 0, 5);
    made.point(6, 0, 5);
    Roots roots;
    roots.roots = {root_to({0}), root_to({3}), root_to({4}), root_to({6})};
    roots.phases = {0, 0, 0, 1};
    const BlockIndex index(made.blocks);
    const Graph graph(made.image, index, roots, {}, {});
    CHECK(graph.owner(0) == 0);
    CHECK(graph.owner(2) == 0);
    CHECK(graph.owner(3) == 1);
    CHECK(graph.owner(5) == 2);
    CHECK(graph.owner(6) == 3);
    CHECK(graph.owner(7) == kNoRoot);
    CHECK(graph.owned_bytes(0) == 3 * 56);
    CHECK(graph.shared(0).bytes == 2 * 56);
    CHECK(graph.shared(0).with == 1);
    CHECK(graph.shared(2).bytes == 0);  // the other root is of a later phase
    CHECK(graph.lost_blocks() == 3);
}

TEST_CASE("of roots that lead to the same blocks the one that is nearest to most has them, wherever it is in memory") {
    Made made;
    made.point(0, 0, 1);  // an object that refers to a table
    made.point(1, 0, 2);
    made.point(2, 0, 3);  // the table
    made.point(2, 1, 4);
    made.point(2, 2, 5);
    Roots roots;
    roots.roots = {root_to({0}), root_to({2})};
    roots.phases = {0, 0};
    const BlockIndex index(made.blocks);
    const Graph graph(made.image, index, roots, {}, {});
    CHECK(graph.owner(1) == 0);
    CHECK(graph.owner(2) == 1);
    CHECK(graph.owned_blocks(1) == 4);
    CHECK(graph.shared(1).bytes == 4 * 56);
    CHECK(graph.shared(1).with == 0);
    CHECK(graph.shared(0).bytes == 0);
}

TEST_CASE("a block keeps what can be reached through it only: not what the other side of a diamond leads to") {
    Made made;
    made.point(0, 0, 1);
    made.point(0, 1, 2);
    made.point(1, 0, 3);
    made.point(2, 0, 3);
    made.point(2, 1, 4);
    made.point(3, 0, 5);
    made.point(5, 0, 0);  // back
    made.point(6, 0, 3);  // of a later phase
    Roots roots;
    roots.roots = {root_to({0, 0}), root_to({4}), root_to({6})};
    roots.phases = {0, 0, 1};
    const BlockIndex index(made.blocks);
    const Graph graph(made.image, index, roots, {}, {});
    CHECK(graph.retained_bytes(0) == 5 * 56);
    CHECK(graph.retained_bytes(1) == 56);
    CHECK(graph.retained_bytes(2) == 56);
    CHECK(graph.retained_bytes(3) == 2 * 56);
    CHECK(graph.dominator(3) == 0);
    CHECK(graph.dominator(5) == 3);
    CHECK(graph.dominator(0) == kNoBlock);
    CHECK(graph.owner(4) == 0);
    CHECK(graph.is_shared(4));
    CHECK_FALSE(graph.is_shared(3));
    CHECK(graph.shared(0).bytes == 56);
    CHECK(graph.shared(0).with == 1);
    CHECK(graph.owned_bytes(1) == 0);
}
