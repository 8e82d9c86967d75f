#pragma once

#include <memory>
#include <utility>

#include "tensors.hpp"
#include "transport.hpp"

/// Client of stepd, an optimizer as an HTTP service: gradients in, updates out, state kept.
namespace stepd {

/// What a step brings besides gradients, and what to send back.
struct StepOptions {
  /// Where the client keeps the parameters and the chain needs them.
  std::optional<Tensors> params;
  /// The loss, for chains that need it.
  std::optional<double> value;
  /// Numbers that replace options for this step and later ones.
  std::map<std::string, double> hyperparams;
  /// Send back the parameters that the server keeps, in place of updates.
  bool want_params = false;
  bool stats = false;
  /// Who this is, where several workers make a step together: a name that no other has.
  std::string worker;
  /// Of this contribution among those of several workers; by default 1.
  std::optional<double> weight;
  /// Number type of the gradients on the wire.
  Dtype dtype = Dtype::F32;
  /// Number type of the answer; by default that of the gradients.
  std::optional<Dtype> reply;
};

struct Step {
  long step;
  /// The updates, or the parameters where they were wanted.
  Tensors tensors;
  /// Whether the server had taken this step before: an earlier answer was lost.
  bool replayed;
  bool counted;
  std::map<std::string, double> stats;
};

/// An optimizer's state on the server, and the number of its latest step. Of one thread at a time.
class Session {
 public:
  Session(std::shared_ptr<Transport> transport, const std::string& id, const Json& spec)
      : transport_(std::move(transport)), path_("/v1/sessions/" + id) {
    take(transport_->call("PUT", path_, spec, true));
  }

  /// What the server last said of the session; `describe` asks again.
  const Json& info() const { return info_; }

  /// Number of the latest step that this client knows of.
  long current_step() const { return step_; }

  /// Send the gradients of the next step. It is numbered, so a lost answer is asked for again and never counted twice.
  /// After `NoAnswer` the step may have been taken: the same call settles it, another gradient is a `step_conflict`.
  Step step(const Tensors& grads, const StepOptions& options = {}) {
    const Dtype reply = options.reply.value_or(options.dtype);
    const char* of = options.want_params ? "params" : "updates";
    Json body = {{"step", step_ + 1},
                 {"grads", wire::encode(grads, options.dtype)},
                 {"dtype", name_of(options.dtype)},
                 {"want", {{"of", of}, {"dtype", name_of(reply)}, {"stats", options.stats}}}};
    if (options.params) body["params"] = wire::encode(*options.params, Dtype::F32);
    if (options.value) body["value"] = *options.value;
    if (!options.worker.empty()) body["worker"] = options.worker;
    if (options.weight) body["weight"] = *options.weight;
    if (!options.hyperparams.empty()) body["hyperparams"] = options.hyperparams;
    const Json answer = Json::from_msgpack(transport_->call("POST", path_ + "/steps", body, true));
    step_ = answer.at("step");
    return {step_, wire::decode(answer.at(of), reply), answer.at("replayed"), answer.at("counted"),
            answer.value("stats", std::map<std::string, double>{})};
  }

  /// Ask how the session stands; takes over its step, as after a `step_conflict`.
  const Json& describe() { return take(transport_->call("GET", path_, std::nullopt, true)); }

  /// Replace options from the next step on. Sent once: it carries no number that would tell.
  const Json& set_hyperparams(const std::map<std::string, double>& numbers) {
    return take(transport_->call("PATCH", path_, Json{{"hyperparams", numbers}}, false));
  }

  /// The parameters that the server keeps, by name, after the session's latest step.
  Named params() { return wire::safetensors(transport_->call("GET", path_ + "/params", std::nullopt, true)); }

  /// Forget the session.
  void remove() { transport_->call("DELETE", path_, std::nullopt, true); }

 private:
  const Json& take(const std::string& answer) {
    info_ = Json::from_msgpack(answer);
    step_ = info_.at("step");
    return info_;
  }

  std::shared_ptr<Transport> transport_;
  std::string path_;
  Json info_;
  long step_ = 0;
};

/// A server's address, as http://127.0.0.1:8080. Connects with the first request.
class Client {
 public:
  explicit Client(std::string address, Options options = {})
      : transport_(std::make_shared<Transport>(std::move(address), std::move(options))) {}

  /// Create the session, or attach to the one that exists with the same specification. `spec` has `chain`, `tensors`,
  /// `seed`, `ttl_s` and `workers`, as in the protocol; an empty one only attaches. With `params`, initial ones, the server keeps
  /// and updates its own copy.
  Session open(const std::string& id, Json spec = Json::object(), const std::optional<Tensors>& params = {}) {
    if (params) spec["params"] = wire::encode(*params, Dtype::F32);
    return Session(transport_, id, spec);
  }

 private:
  std::shared_ptr<Transport> transport_;
};

}  // namespace stepd
