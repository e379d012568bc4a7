// Calls back from a frame whose size the build chooses, by instructions that take the same room whatever it is.
extern "C" void call_back(void (*function)(void*), void* argument) {
    volatile char room[LEAKLINE_FRAME_BYTES];
    room[0] = 0;
    function(argument);
    room[LEAKLINE_FRAME_BYTES - 1] = 0;
}
