"""Planning of a task: its progress and its result are fully decided at its creation."""

from __future__ import annotations

from fake_apimart.common.randomness import Randomness
from fake_apimart.common.texts import kept, shortened
from fake_apimart.contract import errors, file_url
from fake_apimart.generation.models import GPT_IMAGE_2
from fake_apimart.generation.request import GenerationRequest
from fake_apimart.images.picture_file import Size
from fake_apimart.machine.shortage import loading
from fake_apimart.pictures.own_urls import OwnUrls
from fake_apimart.pictures.references import ReferenceReader
from fake_apimart.pictures.sizes import InvalidSize, picture_size
from fake_apimart.tasks.task import Task, failure_message
from fake_apimart.worlds.world import World

_NANOSECONDS_PER_SECOND = 1_000_000_000
_NANOSECONDS_PER_MILLISECOND = 1_000_000
_SUFFIXES = {"png": "png", "jpeg": "jpg", "webp": "webp"}
"""The suffixes of file names, by `output_format`."""
AUTO_SIZES = ("auto", "adaptive", "match_input_image")
"""What leaves the size to the server, or to the first reference (live)."""


class Planner:
    """Makes tasks from requests."""

    def __init__(self, randomness: Randomness, references: ReferenceReader) -> None:
        self._randomness = randomness
        self._references = references

    async def plan(
        self,
        parsed: GenerationRequest,
        world: World,
        base_url: str,
        own_urls: OwnUrls,
        now_ns: int,
    ) -> Task:
        """Return a task for the request `parsed`, created at `now_ns` by the world's clock.

        If a reference cannot be read, the task will fail with a message that names it. Raises
        `build_request_failed`, `invalid_parameter`, StorageError, Shortage.
        """
        references = await self._references.read(parsed.image_urls, parsed.mask_url, own_urls)
        width, height = size_of(parsed, references.first_size)
        created_ms = now_ns // _NANOSECONDS_PER_MILLISECOND
        task_id = self._new_id(created_ms)
        return Task(
            id=task_id,
            world=world.name,
            created_ms=created_ms,
            seconds=parsed.outcome.seconds,
            polls=parsed.outcome.polls,
            failure=failure_message(references.failure or parsed.outcome.failure),
            model=kept(parsed.model.id),
            prompt=parsed.prompt,
            seed=parsed.seed,
            width=width,
            height=height,
            output_format=parsed.output_format,
            image_keys=self._image_keys(parsed, task_id, world.settings.dialect, now_ns),
            reference_keys=references.keys,
            cost=round(parsed.model.prices[parsed.resolution] * parsed.images, 9),
            estimated_time=parsed.model.estimated_time,
            webhook=parsed.webhook,
            base_url=base_url,
        )

    def _new_id(self, created_ms: int) -> str:
        # Imported here because it slows the start by 0.05 seconds.
        with loading("ulid"):
            from ulid import ULID

        return f"task_{ULID(created_ms.to_bytes(6, 'big') + self._randomness.bytes(10))}"

    def _image_keys(
        self, parsed: GenerationRequest, task_id: str, dialect: str, now_ns: int
    ) -> tuple[str, ...]:
        completed_ns = now_ns + round(parsed.outcome.seconds * _NANOSECONDS_PER_SECOND)
        suffix = _SUFFIXES[parsed.output_format]
        return tuple(
            file_url.new_key(
                dialect,
                completed_ns,
                self._randomness,
                f"image_{task_id}_{number}.{suffix}".encode(),
            )
            for number in range(parsed.images)
        )


def size_of(parsed: GenerationRequest, reference: Size | None) -> Size:
    """Return width and height in pixels.

    Raises `build_request_failed` (docs), `invalid_parameter` (assumed).
    """
    model = parsed.model
    given = shortened(parsed.size)
    try:
        size = given.lower()
        size = "auto" if size in AUTO_SIZES else size
        return picture_size(size, parsed.resolution, model.ratios, reference)
    except InvalidSize as error:
        if model.id == GPT_IMAGE_2:
            allowed = " / ".join(model.ratios)
            raise errors.build_request_failed(
                f"invalid size: {given}, allowed: {allowed}"
            ) from None
        raise errors.invalid_parameter(str(error)) from None
