#include "replay/internal/packet_socket.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <vector>

#include "base/error.hpp"
#include "base/strings.hpp"

namespace leakline::replay {

namespace {

// A packet goes into one block. With BIG TCP it has up to 512 KiB.
constexpr std::size_t kBlockSize = std::size_t{1} << 20;
constexpr std::size_t kMostBlocks = 64, kLeastBlocks = 4;
constexpr std::uint16_t kLinkRaw = 101;

// Classic BPF over the IP packet: what a packet socket of type SOCK_DGRAM shows, without a link header.
class Filter {
  public:
    explicit Filter(std::span<const std::uint16_t> ports) : ports_(ports) {
        // The loopback interface shows each packet twice: as it goes out, and as it comes in.
        load(BPF_W, SKF_AD_OFF + SKF_AD_HATYPE);
        jump_if(ARPHRD_LOOPBACK, 0, 3);
        load(BPF_W, SKF_AD_OFF + SKF_AD_PKTTYPE);
        jump_if(PACKET_OUTGOING, 0, 1);
        end(kDrop);
        load(BPF_B, 0);
        add(BPF_ALU | BPF_RSH | BPF_K, 4);
        const std::size_t is_ipv6 = program_.size();
        jump_if(6, 0, 0);
        ipv4();
        program_[is_ipv6].jt = static_cast<std::uint8_t>(program_.size() - is_ipv6 - 1);
        ipv6();
    }
    sock_fprog program() { return {static_cast<unsigned short>(program_.size()), program_.data()}; }

  private:
    static constexpr std::uint32_t kAll = 0xffffffff, kDrop = 0;

    void add(int code, std::uint32_t value) { program_.push_back({static_cast<std::uint16_t>(code), 0, 0, value}); }
    void load(int size, int at) { add(BPF_LD | size | BPF_ABS, static_cast<std::uint32_t>(at)); }
    void jump_if(std::uint32_t value, std::uint8_t equal, std::uint8_t other) {
        program_.push_back({BPF_JMP | BPF_JEQ | BPF_K, equal, other, value});
    }
    void end(std::uint32_t bytes) { add(BPF_RET | BPF_K, bytes); }
    void end_if(std::uint32_t value, std::uint32_t bytes) {
        jump_if(value, 0, 1);
        end(bytes);
    }
    void end_unless(std::uint32_t value) {
        jump_if(value, 1, 0);
        end(kDrop);
    }
    void ipv4() {
        end_unless(4);
        load(BPF_B, 9);
        end_unless(IPPROTO_TCP);
        add(BPF_LDX | BPF_B | BPF_MSH, 0);  // the size of the header
        for (const std::uint32_t at : {0, 2}) {
            add(BPF_LD | BPF_H | BPF_IND, at);
            for (const std::uint16_t port : ports_) end_if(port, kAll);
        }
        end(kDrop);
    }
    void ipv6() {
        load(BPF_B, 6);
        // Extension headers before TCP's are read by tcp_segment_of().
        for (const std::uint32_t extension : {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS}) end_if(extension, kAll);
        end_unless(IPPROTO_TCP);
        for (const int at : {40, 42}) {
            load(BPF_H, at);
            for (const std::uint16_t port : ports_) end_if(port, kAll);
        }
        end(kDrop);
    }

    std::span<const std::uint16_t> ports_;
    std::vector<sock_filter> program_;
};

std::string interface_names() {
    std::string names;
    struct if_nameindex* const all = ::if_nameindex();
    for (const struct if_nameindex* each = all; each != nullptr && each->if_index != 0; ++each)
        names += (names.empty() ? "" : ", ") + std::string(each->if_name);
    if (all != nullptr) ::if_freenameindex(all);
    return names;
}

int index_of(const std::string& interface) {
    if (interface == "any") return 0;
    if (const unsigned index = ::if_nametoindex(interface.c_str()); index != 0) return static_cast<int>(index);
    throw Error(ErrorKind::input, "--interface", "there is no network interface '" + printable(interface) + "'",
                "one of: " + interface_names() + ", any");
}

}  // namespace

PacketSocket::PacketSocket(const std::string& interface, std::span<const std::uint16_t> ports) : interface_(interface) {
    const int index = index_of(interface);
    // Protocol 0: nothing comes before bind(), thus nothing that is not filtered.
    socket_ = Descriptor(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (socket_.get() < 0) {
        if (errno != EPERM && errno != EACCES) throw os_error(ErrorKind::system, interface_, "packets cannot be captured", errno);
        throw os_error(ErrorKind::system, interface_, "packets cannot be captured", errno,
                       "run it as root, or give leakline the capability CAP_NET_RAW: sudo setcap cap_net_raw+ep $(command -v leakline); "
                       "with --listen and --target, capture is a proxy that needs neither");
    }
    filter(ports);
    map_ring();
    try {
        bind(index);
    } catch (...) {
        ::munmap(ring_, blocks_ * kBlockSize);
        throw;
    }
}

PacketSocket::~PacketSocket() { ::munmap(ring_, blocks_ * kBlockSize); }

void PacketSocket::filter(std::span<const std::uint16_t> ports) {
    Filter filter(ports);
    const sock_fprog program = filter.program();
    if (::setsockopt(socket_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
        throw os_error(ErrorKind::system, interface_, "the filter of packets is refused", errno);
}

void PacketSocket::map_ring() {
    const int version = TPACKET_V3;
    tpacket_req3 ring{};
    ring.tp_block_size = kBlockSize;
    ring.tp_frame_size = 2048;  // of no meaning in this version, but checked
    ring.tp_retire_blk_tov = static_cast<unsigned>(kDelay / std::chrono::milliseconds(1));
    const bool has_version = ::setsockopt(socket_.get(), SOL_PACKET, PACKET_VERSION, &version, sizeof version) == 0;
    const auto make = [&](std::size_t blocks) {
        ring.tp_block_nr = static_cast<unsigned>(blocks);
        ring.tp_frame_nr = static_cast<unsigned>(blocks * (kBlockSize / ring.tp_frame_size));
        return ::setsockopt(socket_.get(), SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) == 0;
    };
    bool made = false;
    for (std::size_t blocks = kMostBlocks; has_version && !made && blocks >= kLeastBlocks; blocks /= 2) made = make(blocks_ = blocks);
    void* const mapped = made ? ::mmap(nullptr, blocks_ * kBlockSize, PROT_READ | PROT_WRITE, MAP_SHARED, socket_.get(), 0) : MAP_FAILED;
    if (mapped == MAP_FAILED) throw os_error(ErrorKind::system, interface_, "there is no memory for packets", errno);
    ring_ = static_cast<char*>(mapped);
}

void PacketSocket::bind(int interface) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = interface;
    int error = ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
    socklen_t size = sizeof error;
    if (error == 0) ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) throw os_error(ErrorKind::input, interface_, "packets cannot be captured", error);
}

void PacketSocket::read(Nanoseconds wait, const std::function<void(const Packet&)>& use) {
    pollfd event{socket_.get(), POLLIN, 0};
    const timespec limit{wait / std::chrono::seconds(1), (wait % std::chrono::seconds(1)).count()};
    ::ppoll(&event, 1, &limit, nullptr);
    for (;;) {
        auto* const block = reinterpret_cast<tpacket_block_desc*>(ring_ + next_ * kBlockSize);
        std::atomic_ref<std::uint32_t> status(block->hdr.bh1.block_status);
        if ((status.load(std::memory_order_acquire) & TP_STATUS_USER) == 0) break;
        const char* at = reinterpret_cast<const char*>(block) + block->hdr.bh1.offset_to_first_pkt;
        for (std::uint32_t left = block->hdr.bh1.num_pkts; left > 0; --left) {
            const auto* const head = reinterpret_cast<const tpacket3_hdr*>(at);
            use({std::chrono::seconds(head->tp_sec) + Nanoseconds(head->tp_nsec), kLinkRaw, {at + head->tp_mac, head->tp_snaplen}});
            at += head->tp_next_offset;
        }
        status.store(TP_STATUS_KERNEL, std::memory_order_release);
        next_ = (next_ + 1) % blocks_;
    }
    if ((event.revents & POLLERR) == 0) return;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) throw os_error(ErrorKind::system, interface_, "no more packets can be captured", error);
}

std::uint64_t PacketSocket::dropped() {
    tpacket_stats_v3 counts{};  // since the last call
    socklen_t size = sizeof counts;
    if (::getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &counts, &size) == 0) dropped_ += counts.tp_drops;
    return dropped_;
}

}  // namespace leakline::replay
