// Text access logs, recognized line by line. They have no bodies: requests that had one are marked body_missing.
//
//   common    = [vhost " "] host " " ident " " user " [" DD/Mon/YYYY:HH:MM:SS ±ZZZZ "] " quoted-request " " status " " bytes
//   combined  = common " " quoted-referer " " quoted-user-agent          (Apache and nginx; more fields may follow)
//   python    = host " - - [" DD/Mon/YYYY HH:MM:SS "] " quoted-request " " status " " bytes
//               (http.server, Flask's and Django's development servers, the latter without what is before the bracket)
//   quoted    = *any quoted-request [" from " client " -"] " " status " " bytes [" " quoted-referer " " quoted-user-agent] *any
//               (uvicorn, chi, actix, morgan, Quarkus, S3; the request with its HTTP version; the time, if there is one, before it)
//   envoy     = "[" ISO-time "] " quoted-request " " status " " flags " " received " " sent " " duration ...  (its default)
//   alb       = type " " ISO-time " " elb " " client " " target " " 3 * processing-time " " status " " target-status
//               " " received " " sent " " quoted-request " " quoted-user-agent ...            (AWS's load balancer)
//
// Quoted fields have \" \\ (Apache) and \xNN (both) escapes.
#pragma once

#include "base/json_scan.hpp"
#include "replay/internal/record.hpp"

namespace leakline::replay {

bool looks_like_access_log(std::string_view line);

class AccessStream : public RecordStream {
  public:
    using RecordStream::RecordStream;
    Step next(Record& record) override;

  private:
    Step read_common(std::string_view line, std::size_t time, Record& record);
    Step read_quoted(std::string_view line, std::size_t request, Record& record);
    void take_clients(std::string_view line, Record& record);
    void take_header(std::string_view& line, const char* name, Record& record);
    Step read_envoy(std::string_view line, Record& record);
    Step read_alb(std::string_view line, Record& record);
    bool read_request(std::string_view request, Record& record);
    bool take_quoted(std::string_view& line, std::string_view& out);

    Scratch scratch_;
};

}  // namespace leakline::replay
