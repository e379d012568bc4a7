#include "heap/internal/raw_tee.hpp"

#include <unistd.h>
#include <zstd.h>

#include <cerrno>

#include "system/descriptor.hpp"

namespace leakline::heap {

struct RawTee::Compressor {
    ZSTD_CCtx* context = ZSTD_createCCtx();
    std::string out = std::string(ZSTD_CStreamOutSize(), '\0');
    ~Compressor() { ZSTD_freeCCtx(context); }
};

RawTee::RawTee(int descriptor) : descriptor_(descriptor) {
    if (descriptor < 0) return;
    compressor_ = std::make_unique<Compressor>();
    ZSTD_CCtx_setParameter(compressor_->context, ZSTD_c_compressionLevel, 1);  // the service waits while we compress
    ZSTD_CCtx_setParameter(compressor_->context, ZSTD_c_checksumFlag, 1);
}

RawTee::~RawTee() = default;

void RawTee::write(std::string_view bytes) {
    if (!compressor_) return;
    pump(bytes, ZSTD_e_continue);
    held_ = true;
}

void RawTee::flush(Nanoseconds now) {
    if (!held_ || now - flushed_ < kFlushGap) return;
    pump({}, ZSTD_e_flush);
    flushed_ = now;
    held_ = false;
}

void RawTee::finish() {
    if (compressor_) pump({}, ZSTD_e_end);
    held_ = false;
}

void RawTee::pump(std::string_view bytes, int directive) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    for (bool more = true; more && error_ == 0;) {
        ZSTD_outBuffer out{compressor_->out.data(), compressor_->out.size(), 0};
        const std::size_t left = ZSTD_compressStream2(compressor_->context, &out, &in, static_cast<ZSTD_EndDirective>(directive));
        if (ZSTD_isError(left)) {
            error_ = ENOMEM;
            return;
        }
        if (write_all(descriptor_, {compressor_->out.data(), out.pos}) != out.pos) error_ = errno;
        more = directive == ZSTD_e_continue ? in.pos < in.size : left != 0;
    }
}

}  // namespace leakline::heap
