// A shared object that is no model.
int nothing_to_see_here = 1;
