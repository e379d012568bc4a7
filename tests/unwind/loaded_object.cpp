// Calls back from a frame whose size the build chooses, by instructions that take the same room whatever it is.
extern "C" void call_back(void (*function)(void*), void* argument) {
    volatile char free_space[LEAKLINE_FRAME_BYTES];
    free_space[0] = 0;
    function(argument);
    free_space[LEAKLINE_FRAME_BYTES - 1] = 0;
}
