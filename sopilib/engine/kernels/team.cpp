#include "team.h"

namespace engine {

namespace {

// less than a microsecond
constexpr int kEagerSpins = 300;
// some milliseconds: only what shows as running is moved by the system to a processor that
// is free; threads that slept at each barrier have been seen to stay together on one
constexpr int kSpins = 100000;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

}  // namespace

template <class Condition>
void Patience::wait_until(Condition is_met) {
  for (int turn = 0; turn < kSpins; ++turn) {
    if (is_met()) return;
    if (turn >= kEagerSpins) pause();
  }
  std::unique_lock<std::mutex> lock(mutex_);
  sleepers_.fetch_add(1);
  condition_.wait(lock, is_met);
  sleepers_.fetch_sub(1);
}

// A sleeper either shows here, or it comes later and sees what was stored before.
void Patience::wake() {
  if (sleepers_.load() == 0) return;
  std::lock_guard<std::mutex> lock(mutex_);
  condition_.notify_all();
}

Team::Team(int size) : size_(size), arrivals_(size) {
  for (int member = 1; member < size; ++member)
    threads_.emplace_back([this, member] { serve(member); });
}

Team::~Team() {
  is_closing_ = true;
  jobs_.fetch_add(1);
  patience_.wake();
  for (std::thread& thread : threads_) thread.join();
}

void Team::run(const std::function<void(int)>& job) {
  job_ = &job;
  jobs_.fetch_add(1);
  patience_.wake();
  job(0);
  barrier(0);
}

void Team::serve(int member) {
  for (uint32_t done = 0;; ++done) {
    patience_.wait_until([&] { return jobs_.load() != done; });
    if (is_closing_) return;
    (*job_)(member);
    barrier(member);
  }
}

void Team::barrier(int member) {
  if (size_ == 1) return;
  const uint32_t here = arrivals_[member].count.fetch_add(1) + 1;
  patience_.wake();
  for (const Arrivals& other : arrivals_)
    // a member may be a barrier ahead of this one, never behind it once it is here
    patience_.wait_until([&] { return int32_t(other.count.load() - here) >= 0; });
}

}  // namespace engine
