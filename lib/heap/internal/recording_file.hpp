// leakline's own recording: marks are written as they are taken, small, readable up to the last whole frame after any end of
// its writer.
//
// Grammar, version 1:
//
//   file    = zstd-frame+                 each with its checksum, each ending at a record's end; together they hold:
//   content = "leakline heap 1\n" record*
//   record  = tag:byte length:varint payload      a reader skips tags that it does not know
//   varint  = base-128, least significant group first, at most 10 bytes;   signed = zigzag varint
//   string  = length:varint bytes;        ids are 1-based, 0 = none; n* = that many times
//
//   'H' header   started:varint (ns since 1970, 0 = unknown) heaptrack-version:varint page-size:varint
//                executable:string command:string
//   'B' build id of the executable: the payload, lower-case hex
//   'A' attached (empty)
//   'M' modules  lines:string                     "m" records of heaptrack's, in force for the addresses after it
//   'I' ips      n:varint n*(address:signed)      each relative to the address before it
//   'Y' names    n:varint n*(ip:varint function:string file:string line:varint)   of ips that no code has: Python's functions
//   'T' traces   n:varint n*(ip:varint parent:varint)
//   'R' rss      n:varint n*(at:signed bytes:signed)       milliseconds and bytes, relative to the point before
//   'G' figures  in-use:varint retained:varint    of malloc itself, at the mark that follows
//   'O' overhead live:signed                      what malloc adds to the live blocks, at the mark that follows
//   'K' mark     kind:varint at:varint(ms) label:string requests+1:varint rss+1:varint events:varint
//                n:varint n*(trace:varint allocations:varint allocated-bytes:varint live-bytes:signed live-blocks:signed)
//                traces ascending, relative to the one before; costs relative to that trace's in the mark before
//   'V' errors   of the mark before, if blocks were sampled: n:varint n*(live:varint turnover:varint), for each of its traces the
//                standard errors in bytes (square roots of TraceCost::live_variance and turnover_variance)
//   'Q' open     of the mark before: resource:varint n:varint n*(trace:varint count:varint), traces as in 'K': what is open or runs
//   'N' sampling first-interval:varint interval:varint samples:varint
//   'P' peak     bytes:varint at:varint(ms) n:varint n*(trace:varint live-bytes:signed live-blocks:signed)
//   'S' strings  n:varint n*string
//   'F' frames   n:varint n*(module:varint count:varint count*(function:varint file:varint line:varint))
//                names of the ips 1..n; a recording without it is named by its reader, by 'Y' and if the modules still exist
//   'C' generated  n:varint n*(index:varint)       of the frames of 'F' before it, as they are listed there, from 0, each relative
//                to the one before: those that the compiler made
//   'U' processes  n:varint n*(ip:varint)         HeapProfile::processes
//   'J' holders  text:string                      of Python's variables: an answer (python_holders.hpp)
//   'W' warning  text:string
//   'D' damage   count:varint n:varint n*(location:string message:string)
//   'E' end      duration:varint(ms) events:varint completeness:varint
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "heap/internal/raw_recording.hpp"
#include "heap/internal/symbols.hpp"
#include "model/heap.hpp"
#include "system/byte_source.hpp"

namespace leakline::heap {

inline constexpr std::string_view kRecordingMagic = "leakline heap 1\n";

class RecordingWriter {
  public:
    // Writes to a descriptor that the caller owns. A failed write (disk full) is remembered, and nothing more
    // is written; the recorder continues to read the stream.
    explicit RecordingWriter(int descriptor) : descriptor_(descriptor) {}

    // Before the first mark, after the tracker's header.
    void header(Nanoseconds started, const RecordedTables& recording);
    // A mark and whatever it refers to that is not in the file yet, as one frame.
    void mark(const HeapMark& mark, const RecordedTables& recording);
    struct End {
        Nanoseconds duration{};
        Completeness completeness = Completeness::complete;
        std::vector<std::string> warnings;
        std::string holders = {};  // 'J'; empty: none
    };
    void finish(const End& end, const RecordedTables& recording, const RecordedPeak& highest, const Diagnostics& damage,
                const Symbols& symbols);

    int error() const { return error_; }  // errno of the write that failed, or 0
    bool header_written() const { return header_written_; }

  private:
    void record(char tag, const std::string& payload);
    void tables(const RecordedTables& recording);
    void sampling(const RecordedTables& recording);
    void open(std::span<const HeapMark::Open> all);
    void flush();

    int descriptor_;
    int error_ = 0;
    bool header_written_ = false;
    std::string pending_;
    std::size_t ips_ = 0, names_ = 0, modules_ = 0, traces_ = 0, rss_ = 0;  // already in the file
    std::vector<TraceCost> written_;                                        // per trace, as the last mark left it
};

// The content after the magic, which has been consumed. Never throws for damage: the result holds what came before
// it. name: for places in messages. Names addresses with the interpreter where the recording has none.
HeapProfile read_recording(ByteSource& content, const std::string& name);

}  // namespace leakline::heap
