//! How the functions of libc on descriptors are defined: what is about no simulated one is passed on.

/// Defines functions of libc whose first argument is a descriptor. What is about no simulated one
/// is passed on.
macro_rules! on_descriptors {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($fd:ident $(, $arg:ident: $ty:ty)* $(,)?) -> $ret:ty $body:block
    )*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// As libc's function of that name.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($fd: c_int $(, $arg: $ty)*) -> $ret {
            if $crate::interpose::descriptors::is_simulated($fd) {
                return $crate::interpose::answers::answer(|| $body);
            }
            static NEXT: $crate::interpose::real::Next =
                $crate::interpose::real::Next::named(concat!(stringify!($name), "\0"));
            let next: unsafe extern "C" fn(c_int $(, $ty)*) -> $ret =
                // SAFETY: this is libc's function of that name and type.
                unsafe { std::mem::transmute(NEXT.get()) };
            // SAFETY: the arguments are the caller's.
            $crate::interpose::no_space::noted(unsafe { next($fd $(, $arg)*) })
        }
    )*};
}
pub(crate) use on_descriptors;
