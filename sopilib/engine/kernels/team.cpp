#include "team.h"

namespace engine {

namespace {

// less than a microsecond
constexpr int kEagerSpins = 300;
// some milliseconds: the system moves only running threads to a free processor; threads
// that slept at each barrier were seen to stay together on one
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

// A sleeper is either counted here, or it arrives later and sees the value stored before.
void Patience::wake() {
  if (sleepers_.load() == 0) return;
  std::lock_guard<std::mutex> lock(mutex_);
  condition_.notify_all();
}

Team::Team(int size) : active_(size), members_(size) {
  threads_.reserve(size);
  try {
    for (int member = 1; member < size; ++member)
      threads_.emplace_back([this, member] { serve(member); });
  } catch (...) {  // the system refuses another thread
    close();
    throw;
  }
}

Team::~Team() { close(); }

void Team::close() {
  is_closing_ = true;
  for (Member& member : members_) member.jobs.fetch_add(1);
  for_jobs_.wake();
  for (std::thread& thread : threads_) thread.join();
}

// Members that were inactive at the last barriers count as having reached them.
void Team::set_active(int members) {
  for (Member& member : members_) member.arrivals.store(members_[0].arrivals.load());
  active_.store(members);
}

void Team::run(const std::function<void(int)>& job) {
  job_ = &job;
  for (int member = 1; member < active(); ++member) members_[member].jobs.fetch_add(1);
  for_jobs_.wake();
  job(0);
  barrier(0);
}

void Team::serve(int member) {
  for (uint32_t done = 0;; ++done) {
    for_jobs_.wait_until([&] { return members_[member].jobs.load() != done; });
    if (is_closing_) return;
    (*job_)(member);
    barrier(member);
  }
}

void Team::barrier(int member) {
  const int active = this->active();
  if (active == 1) return;
  const uint32_t here = members_[member].arrivals.fetch_add(1) + 1;
  for_members_.wake();
  for (int other = 0; other < active; ++other)
    // a member may be a barrier ahead of this one, never behind it once it is here
    for_members_.wait_until([&] { return int32_t(members_[other].arrivals.load() - here) >= 0; });
}

}  // namespace engine
