/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The library has a loop of its own, which is run without waiting whenever one of its sockets can be
 * read, and every few milliseconds while there are clients. A client that does not read for a second
 * is dropped: the others would wait for it.
 */
#include "vnc_output.h"

#include <arpa/inet.h>
#include <linux/input-event-codes.h>
#include <rfb/rfb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "input.h"
#include "loop/loop.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/listener.h"
#include "util/log.h"

#define TURN_MS          16u
#define CLIENT_WAIT_MS   1000
#define NOTHING_WIDTH    640u /* of the black picture of a head that is off */
#define NOTHING_HEIGHT   480u
#define MAX_PASSWORD     9u
#define BITS_PER_CHANNEL 8
#define CHANNELS         3
#define BYTES_PER_PIXEL  4

/* Where a head is served. */
struct place {
	struct vnc_output *output;
	uint32_t head;
	rfbScreenInfoPtr server;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct listener unix_socket; /* at path; the library has its descriptor */
	struct loop_source *listening;
	uint32_t clients;
	bool pointer_shown; /* when clients were told of it last */
};

struct vnc_output {
	struct output base;
	struct loop *loop;
	struct input *input;
	struct loop_source *timer;
	struct place places[SCREEN_HEADS];
	uint32_t count;
	uint32_t *nothing;
	char password[MAX_PASSWORD];
	char *passwords[2]; /* as the library wants it */
};

static struct vnc_output *vnc_output(struct output *output)
{
	return container_of(output, struct vnc_output, base);
}

/* --- the library's turn -------------------------------------------------------------------- */

static bool has_clients(const struct vnc_output *output)
{
	for (uint32_t i = 0; i < output->count; i++)
		if (output->places[i].clients)
			return true;
	return false;
}

static void take_turn(struct place *place)
{
	rfbProcessEvents(place->server, 0);
	if (has_clients(place->output))
		loop_timer_arm(place->output->timer, TURN_MS);
}

static void on_socket(void *data, uint32_t events)
{
	take_turn(data);
}

static void on_time(void *data)
{
	struct vnc_output *output = data;
	for (uint32_t i = 0; i < output->count; i++)
		if (output->places[i].clients)
			take_turn(&output->places[i]);
}

/* --- clients ------------------------------------------------------------------------------- */

struct client {
	/* Its socket is watched by a descriptor of our own: the library closes its one before it tells. */
	struct loop_source *source;
	int fd;
	struct input_source *input; /* may be NULL */
	int buttons; /* as it said last */
};

static void client_destroy(struct client *client)
{
	if (!client)
		return;
	input_source_destroy(client->input);
	loop_source_destroy(client->source);
	fd_close(&client->fd);
	free(client);
}

static struct client *client_create(struct place *place, int sock)
{
	struct client *client = calloc(1, sizeof(*client));
	if (!client)
		return NULL;
	client->fd = fd_dup(sock);
	if (client->fd >= 0)
		client->source = loop_add_fd(
			place->output->loop, client->fd, LOOP_READABLE, on_socket, place);
	client->input = input_source_create(place->output->input);
	if (client->source && (client->input || !place->output->input))
		return client;
	client_destroy(client);
	return NULL;
}

static void client_gone(rfbClientPtr rfb)
{
	struct place *place = rfb->screen->screenData;
	client_destroy(rfb->clientData);
	rfb->clientData = NULL;
	place->clients--;
}

static enum rfbNewClientAction new_client(rfbClientPtr rfb)
{
	struct place *place = rfb->screen->screenData;
	rfb->clientData = client_create(place, rfb->sock);
	if (!rfb->clientData)
		return RFB_CLIENT_REFUSE;
	rfb->clientGoneHook = client_gone;
	place->clients++;
	log_limited(LOG_INFO, "vnc: a client of head %u: %s", place->head, rfb->host);
	return RFB_CLIENT_ACCEPT;
}

static void on_key(rfbBool down, rfbKeySym keysym, rfbClientPtr rfb)
{
	const struct client *client = rfb->clientData;
	input_keysym(client->input, keysym, down);
}

static void on_release_all(rfbClientPtr rfb)
{
	const struct client *client = rfb->clientData;
	input_release(client->input);
}

/* Bits of the mask in the order of RFC 6143, 7.5.5; each turn of a wheel is a button pressed. */
static const struct {
	uint16_t button; /* 0: it is a wheel */
	int8_t up, right;
} mask_bits[] = {
	{ BTN_LEFT, 0, 0 },
	{ BTN_MIDDLE, 0, 0 },
	{ BTN_RIGHT, 0, 0 },
	{ 0, 1, 0 },
	{ 0, -1, 0 },
	{ 0, 0, -1 },
	{ 0, 0, 1 },
	{ BTN_SIDE, 0, 0 },
};

static void on_pointer(int mask, int x, int y, rfbClientPtr rfb)
{
	struct client *client = rfb->clientData;
	const struct place *place = rfb->screen->screenData;
	int changed = mask ^ client->buttons;
	input_point(client->input, place->head, x, y);
	for (size_t i = 0; i < ARRAY_SIZE(mask_bits); i++) {
		bool down = mask >> i & 1;
		if (!(changed >> i & 1))
			continue;
		if (mask_bits[i].button)
			input_key(client->input, mask_bits[i].button, down);
		else if (down)
			input_wheel(client->input, mask_bits[i].up, mask_bits[i].right);
	}
	client->buttons = mask;
	/* the library's own: where it draws the pointer for clients that do not */
	rfbDefaultPtrAddEvent(mask, x, y, rfb);
}

__attribute__((format(printf, 2, 0))) static void say(
	enum log_level level, const char *format, va_list args)
{
	char text[256];
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	/* said of each client of a UNIX socket */
	bool usual = strstr(text, "TCP_NODELAY");
	if (usual || level == LOG_DEBUG)
		log_debug("vnc: %s", text);
	else
		log_limited(level, "vnc: %s", text);
}

__attribute__((format(printf, 1, 2))) static void library_says(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say(LOG_DEBUG, format, args);
	va_end(args);
}

__attribute__((format(printf, 1, 2))) static void library_complains(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say(LOG_WARN, format, args);
	va_end(args);
}

/* --- pictures ------------------------------------------------------------------------------ */

/* x8r8g8b8: the library takes it for another order in each new picture. */
static void set_format(rfbScreenInfoPtr server)
{
	server->serverFormat.redShift = 16;
	server->serverFormat.greenShift = 8;
	server->serverFormat.blueShift = 0;
	rfbClientIteratorPtr clients = rfbGetClientIterator(server);
	for (rfbClientPtr client; (client = rfbClientIteratorNext(clients));)
		server->setTranslateFunction(client);
	rfbReleaseClientIterator(clients);
}

static void resized(struct output *base, uint32_t number)
{
	struct vnc_output *output = vnc_output(base);
	const struct head *head = &base->screen->heads[number];
	if (number >= output->count)
		return;
	rfbNewFramebuffer(output->places[number].server,
		(char *)(head->pixels ? head->pixels : output->nothing),
		(int)(head->pixels ? head->width : NOTHING_WIDTH),
		(int)(head->pixels ? head->height : NOTHING_HEIGHT), BITS_PER_CHANNEL, CHANNELS,
		BYTES_PER_PIXEL);
	set_format(output->places[number].server);
}

static void damaged(struct output *base, uint32_t number, const struct rect *rect)
{
	struct vnc_output *output = vnc_output(base);
	if (number < output->count)
		rfbMarkRectAsModified(output->places[number].server, (int)rect->x, (int)rect->y,
			(int)(rect->x + rect->w), (int)(rect->y + rect->h));
}

/* The client's own pointer gets the guest's image; an invisible one when the guest shows none. */
static rfbCursorPtr make_cursor(const struct head_cursor *cursor)
{
	const int side = (int)SCREEN_CURSOR_SIDE;
	const size_t count = SCREEN_CURSOR_SIDE * SCREEN_CURSOR_SIDE;
	rfbCursorPtr made = calloc(1, sizeof(*made));
	uint32_t *source = calloc(count, sizeof(uint32_t));
	uint8_t *alpha = calloc(count, 1);
	if (!made || !source || !alpha) {
		free(made);
		free(source);
		free(alpha);
		return NULL;
	}
	for (size_t i = 0; cursor->visible && i < count; i++) {
		source[i] = cursor->pixels[i] & 0xffffffu;
		alpha[i] = (uint8_t)(cursor->pixels[i] >> 24);
	}
	made->width = made->height = SCREEN_CURSOR_SIDE;
	made->xhot = (unsigned short)cursor->hot_x;
	made->yhot = (unsigned short)cursor->hot_y;
	made->richSource = (unsigned char *)source;
	made->alphaSource = alpha;
	made->alphaPreMultiplied = TRUE;
	made->mask = (unsigned char *)rfbMakeMaskFromAlphaSource(side, side, alpha);
	made->cleanup = made->cleanupRichSource = made->cleanupMask = TRUE;
	return made;
}

static void pointer(struct output *base, uint32_t number, bool image)
{
	struct vnc_output *output = vnc_output(base);
	const struct head_cursor *cursor = &base->screen->heads[number].cursor;
	if (number >= output->count)
		return;
	struct place *place = &output->places[number];
	/* where it is, is where the client's own one is */
	if (!image && cursor->visible == place->pointer_shown)
		return;
	rfbCursorPtr made = make_cursor(cursor);
	if (!made)
		return;
	rfbSetCursor(place->server, made);
	place->pointer_shown = cursor->visible;
}

/* Its ciphers look around the machine when they are used first: before the sandbox is closed. */
static void begin_ciphers(void)
{
	unsigned char challenge[CHALLENGESIZE] = { 0 };
	char password[] = "password";
	rfbEncryptBytes(challenge, password);
}

/* --- beginning and end --------------------------------------------------------------------- */

static void destroy(struct output *base)
{
	struct vnc_output *output = vnc_output(base);
	for (uint32_t i = 0; i < output->count; i++) {
		struct place *place = &output->places[i];
		loop_source_destroy(place->listening);
		rfbShutdownServer(place->server, TRUE);
		place->server->frameBuffer = NULL;
		rfbScreenCleanup(place->server);
		listener_finish(&place->unix_socket);
	}
	loop_source_destroy(output->timer);
	free(output->nothing);
	free(output);
}

static bool set_address(rfbScreenInfoPtr server, const char *address)
{
	struct in_addr binary;
	if (inet_pton(AF_INET, address ? address : "127.0.0.1", &binary) != 1) {
		log_error("vnc: %s is not an IPv4 address", address);
		return false;
	}
	server->listenInterface = binary.s_addr;
	return true;
}

static rfbScreenInfoPtr make_server(struct vnc_output *output, const struct vnc_args *args)
{
	int argc = 0;
	rfbScreenInfoPtr server = rfbGetScreen(&argc, NULL, (int)NOTHING_WIDTH, (int)NOTHING_HEIGHT,
		BITS_PER_CHANNEL, CHANNELS, BYTES_PER_PIXEL);
	if (!server)
		return NULL;
	server->frameBuffer = (char *)output->nothing;
	/* the guest shows a pointer when it has one */
	server->cursor = NULL;
	server->desktopName = "virtiogpud";
	server->alwaysShared = TRUE;
	server->deferUpdateTime = 0;
	server->deferPtrUpdateTime = 0;
	set_format(server);
	server->newClientHook = new_client;
	server->kbdAddEvent = on_key;
	server->kbdReleaseAllKeys = on_release_all;
	server->ptrAddEvent = on_pointer;
	server->ipv6port = 0;
	if (args->password) {
		server->authPasswdData = output->passwords;
		server->passwordCheck = rfbCheckPasswordByList;
	}
	if (set_address(server, args->address))
		return server;
	rfbScreenCleanup(server);
	return NULL;
}

/* Gives the library a socket that it would not make itself. */
static bool listen_at(struct place *place, const char *path)
{
	rfbScreenInfoPtr server = place->server;
	int length = snprintf(place->path, sizeof(place->path), "%s", path);
	if (place->head > 0 && length > 0 && (size_t)length < sizeof(place->path))
		length += snprintf(place->path + length, sizeof(place->path) - (size_t)length,
			".%u", place->head);
	if (length < 0 || (size_t)length >= sizeof(place->path)) {
		log_error("vnc: %s: a socket's path has to be shorter", path);
		return false;
	}
	if (listener_open(&place->unix_socket, place->path) < 0)
		return false;
	server->listenSock = fd_steal(&place->unix_socket.fd);
	FD_SET(server->listenSock, &server->allFds);
	server->maxFd = server->listenSock > server->maxFd ? server->listenSock : server->maxFd;
	return true;
}

static bool listen_for(struct place *place, const struct vnc_args *args)
{
	rfbScreenInfoPtr server = place->server;
	server->port = args->path ? 0 : (int)(args->port + place->head);
	rfbInitServer(server);
	if (args->path && !listen_at(place, args->path))
		return false;
	if (server->listenSock >= 0)
		place->listening = loop_add_fd(
			place->output->loop, server->listenSock, LOOP_READABLE, on_socket, place);
	if (!place->listening)
		log_error("vnc: port %d cannot be used", server->port);
	return place->listening;
}

static bool add_place(struct vnc_output *output, const struct vnc_args *args)
{
	struct place *place = &output->places[output->count];
	place->output = output;
	place->head = output->count;
	place->unix_socket = LISTENER_NONE;
	place->server = make_server(output, args);
	if (!place->server)
		return false;
	place->server->screenData = place;
	if (!listen_for(place, args)) {
		listener_finish(&place->unix_socket);
		place->server->frameBuffer = NULL;
		rfbScreenCleanup(place->server);
		return false;
	}
	output->count++;
	return true;
}

struct output *vnc_output_create(
	struct loop *loop, struct screen *screen, const struct vnc_args *args)
{
	static const struct output_impl impl = {
		.resized = resized,
		.damaged = damaged,
		.pointer = pointer,
		.destroy = destroy,
	};
	struct vnc_output *output = calloc(1, sizeof(*output));
	if (!output)
		return NULL;
	rfbLog = library_says;
	rfbErr = library_complains;
	rfbMaxClientWait = CLIENT_WAIT_MS;
	begin_ciphers();
	output->loop = loop;
	output->input = args->input;
	output->passwords[0] = output->password;
	snprintf(output->password, sizeof(output->password), "%s",
		args->password ? args->password : "");
	output->nothing = calloc((size_t)NOTHING_WIDTH * NOTHING_HEIGHT, BYTES_PER_PIXEL);
	output->timer = loop_add_timer(loop, on_time, output);
	bool good = output->nothing && output->timer;
	while (good && output->count < args->heads)
		good = add_place(output, args);
	if (!good) {
		destroy(&output->base);
		return NULL;
	}
	screen_add(screen, &output->base, &impl);
	return &output->base;
}

int vnc_output_folder(struct output *base)
{
	const struct vnc_output *output = vnc_output(base);
	return output->count > 0 ? output->places[0].unix_socket.folder : -1;
}
