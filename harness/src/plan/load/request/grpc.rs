//! Requests that are calls of gRPC: how they are built, and what can be wrong with them.

use super::RequestSpec;
use crate::plan::load::{
    grpc::GrpcCall,
    message::Message,
    placeholder::{fill_in, unknown_placeholder},
};

impl RequestSpec {
    /// A unary call of gRPC: one message there and one back. `path` is that of the method,
    /// `/package.Service/Method`, and the name of the route.
    ///
    /// ```
    /// use squall::plan::{Load, Message, RequestSpec};
    ///
    /// let check = RequestSpec::unary("/grpc.health.v1.Health/Check")
    ///     .message(Message::new().text(1, "shop"))
    ///     .expect_message(Message::new().number(1, "1"));
    /// Load::constant("users", "shop:50051", 100.0).request(check);
    /// ```
    #[must_use]
    pub fn unary(path: &str) -> Self {
        let grpc = Some(GrpcCall::default());
        Self { route: path.to_owned(), grpc, ..Self::new("POST", path) }
    }

    /// A call of gRPC that is answered with a stream of messages. Its latency counts to the end of
    /// the stream. A span `first message` on the client's host says how long the first one took:
    /// `p99().of_calls(spans("first message"))` bounds it, from the intended start as well.
    #[must_use]
    pub fn server_stream(path: &str) -> Self {
        let grpc = Some(GrpcCall { streams: true, ..GrpcCall::default() });
        Self { grpc, ..Self::unary(path) }
    }

    /// For gRPC: sends this message, in which `{id}` and `{request}` are replaced. The empty one
    /// is sent unless told otherwise.
    #[must_use]
    pub fn message(mut self, message: Message) -> Self {
        self.grpc.get_or_insert_default().message = message;
        self
    }

    /// For gRPC: a message of the reply that has other values in the fields of this one makes the
    /// answer wrong. Fields that are not named here may be anything.
    #[must_use]
    pub fn expect_message(mut self, message: Message) -> Self {
        self.grpc.get_or_insert_default().reply = message;
        self
    }

    /// For a stream of gRPC: an answer with another number of messages is wrong.
    #[must_use]
    pub fn expect_messages(mut self, messages: u64) -> Self {
        self.grpc.get_or_insert_default().replies = Some(messages);
        self
    }

    /// What is wrong with it as a call of gRPC, if anything.
    pub(crate) fn check_grpc(&self, grpc: &GrpcCall) -> Result<(), String> {
        let path = fill_in(&self.path, 1, 1);
        let mut parts = path.split('/');
        let is_method = parts.next() == Some("")
            && parts.next().is_some_and(|service| !service.is_empty())
            && parts.next().is_some_and(|method| !method.is_empty())
            && parts.next().is_none();
        if !is_method || self.method != "POST" {
            let found = format!("{} {}", self.method, self.path);
            return Err(format!(
                "expected a method /package.Service/Method of gRPC, found {found}"
            ));
        }
        if !self.body.is_empty() {
            return Err("expected a message of gRPC, found a body of HTTP".to_owned());
        }
        if self.expect.is_of_body() || self.expect.error_type.is_some() {
            let expected = "expected a reply of gRPC to be told by expect_message";
            return Err(format!("{expected}, found what is expected of an answer of HTTP"));
        }
        if grpc.replies.is_some() && !grpc.streams {
            return Err("expected a number of messages of a stream, found a unary call".to_owned());
        }
        if grpc.reply.has_encoded() {
            return Err("expected fields in expect_message, found encoded bytes".to_owned());
        }
        for message in [&grpc.message, &grpc.reply] {
            message.check(&|text| match unknown_placeholder(text) {
                Some(found) => {
                    Err(format!("expected {{id}} or {{request}} in a message, found {found}"))
                }
                None => Ok(()),
            })?;
        }
        Ok(())
    }
}
