// E-mail by SMTP, with libcurl: STARTTLS unless tls=off, and a password never without it.
#include <curl/curl.h>

#include <cstring>

#include "alert/internal/alert.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "base/time_text.hpp"
#include "http/system_roots.hpp"

namespace leakline::alert {

namespace {

constexpr long kTimeoutSeconds = 10;

struct CurlFree {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// What libcurl reads the message from.
struct Upload {
    std::string_view rest;

    static std::size_t read(char* buffer, std::size_t size, std::size_t count, void* self) {
        auto& upload = *static_cast<Upload*>(self);
        const std::size_t taken = std::min(size * count, upload.rest.size());
        std::memcpy(buffer, upload.rest.data(), taken);
        upload.rest.remove_prefix(taken);
        return taken;
    }
};

// A header's value: what could end the line would let a source name add headers of its own.
std::string one_line(std::string text) {
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    return text;
}

class Email : public Channel {
  public:
    explicit Email(const ChannelSpec& spec)
        : url_(spec.target),
          to_(spec.required("to")),
          from_(spec.setting("from", "leakline@localhost")),
          user_(spec.setting("user")),
          password_(spec.secret("password-file")),
          ca_file_(spec.setting("ca-file")),
          tls_(spec.setting("tls", "starttls")) {
        const auto refuse = [](const std::string& message, const std::string& hint) {
            throw Error(ErrorKind::usage, "--alert-to email", message, hint);
        };
        if (!url_.starts_with("smtp://"))
            refuse("needs the server's address", "as in email=smtp://mail.example.org:587,to=ops@example.org");
        if (url_.find('@') != std::string::npos)
            refuse("a user and password in the address are visible to all users in ps", "user=NAME,password-file=FILE");
        if (tls_ != "starttls" && tls_ != "off") refuse("tls is starttls or off, not '" + printable(tls_) + "'", "");
        if (tls_ == "off" && !user_.empty())
            refuse("tls=off would send the password of '" + printable(user_) + "' unencrypted", "remove tls=off");
    }

    void send(const Alert& alert, const std::stop_token&) override {
        const std::string message = compose(alert);
        const std::unique_ptr<CURL, CurlFree> curl(curl_easy_init());
        if (!curl) throw Error(ErrorKind::system, "libcurl", "cannot be initialized");
        const std::unique_ptr<curl_slist, CurlFree> recipients(curl_slist_append(nullptr, ("<" + to_ + ">").c_str()));
        Upload upload{message};
        char reason[CURL_ERROR_SIZE] = "";
        const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(curl.get(), option, value); };
        set(CURLOPT_URL, url_.c_str());
        set(CURLOPT_PROTOCOLS_STR, "smtp");
        set(CURLOPT_USE_SSL, static_cast<long>(tls_ == "starttls" ? CURLUSESSL_ALL : CURLUSESSL_NONE));
        if (const std::string ca_file = ca_file_.empty() ? http::system_ca_file() : ca_file_; !ca_file.empty())
            set(CURLOPT_CAINFO, ca_file.c_str());
        if (!user_.empty()) {
            set(CURLOPT_USERNAME, user_.c_str());
            set(CURLOPT_PASSWORD, password_.c_str());
        }
        const std::string from = "<" + from_ + ">";
        set(CURLOPT_MAIL_FROM, from.c_str());
        set(CURLOPT_MAIL_RCPT, recipients.get());
        set(CURLOPT_READFUNCTION, &Upload::read);
        set(CURLOPT_READDATA, static_cast<void*>(&upload));
        set(CURLOPT_UPLOAD, 1L);
        set(CURLOPT_TIMEOUT, kTimeoutSeconds);
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_ERRORBUFFER, static_cast<char*>(reason));
        const CURLcode code = curl_easy_perform(curl.get());
        if (code != CURLE_OK)
            throw Error(ErrorKind::system, origin_of(url_),
                        std::string("cannot send the e-mail: ") +
                            (reason[0] != '\0' ? printable(static_cast<const char*>(reason)) : curl_easy_strerror(code)));
    }
    std::string describe() const override { return "email " + origin_of(url_); }

  private:
    std::string compose(const Alert& alert) const {
        std::string text = "Date: " + format_mail_date(alert.at) + "\r\n";
        text += "From: " + one_line(from_) + "\r\nTo: " + one_line(to_) + "\r\n";
        text += "Subject: [" + std::string(kind_name(alert.kind)) + "] " + one_line(alert.summary()) + "\r\n";
        text += "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n";
        text += one_line(alert.summary()) + "\r\n\r\n";
        text += "status: " + std::string(kind_name(alert.kind)) + "\r\n";
        text += "used:   " + std::to_string(alert.used) + " bytes\r\n";
        text += "limit:  " + std::to_string(alert.limit) + " bytes\r\n";
        return text;
    }

    const std::string url_, to_, from_, user_, password_, ca_file_, tls_;
};

}  // namespace

std::unique_ptr<Channel> make_email_channel(const ChannelSpec& spec) {
    static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (initialized != CURLE_OK) throw Error(ErrorKind::system, "libcurl", curl_easy_strerror(initialized));
    return std::make_unique<Email>(spec);
}

}  // namespace leakline::alert
